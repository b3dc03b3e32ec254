"""The nine tasks of Meta-World v3 that the benchmark plays, and what they need to be played by a policy. Pure.

Chosen of the fifty: what must be found in the picture is large (a drawer, a door, a button, a window, a tap, a handle, a puck, a
machine: 15 mm are one pixel at 64 px), Meta-World's own expert succeeds on each, and no task needs a goal that is told by a marker of
two pixels, as reach and push do, or a grasp to within a finger's width, as pick-place does. Two share one scene and want opposite
things of it (drawer-close, drawer-open), so a policy must heed where it is told to go, or see how the drawer stands.

The robot is a hand on a leash: an action moves a point by at most 10 mm along each axis, and the hand is drawn after it; there are no
joints to command. What we call joints here are the hand's place and the opening of its fingers.

Source: Yu et al., "Meta-World", arXiv 1910.10897; the package metaworld 3.1.1, sawyer_xyz_env.py.
"""

from __future__ import annotations

TASKS = (
    "drawer-close",
    "drawer-open",
    "door-open",
    "button-press-topdown",
    "window-open",
    "faucet-open",
    "handle-press",
    "plate-slide",
    "coffee-button",
)
JOINTS = ("x", "y", "z", "gripper")  # the hand in m, from the middle of the robot's foot; the fingers' opening, 0..1

STEP_NS = 12_500_000  # of simulated time: five of physics, as the package has it
STEPS_MAX = 500  # an episode, as the package has it

CAMERA = "workspace"
CAMERA_PX = 192  # three rows for each one of a video of 64 px


def environment_class(task: str) -> str:
    """Return the name under which the package keeps a task's environment."""
    return f"{task}-v3"


def expert_class(task: str) -> str:
    """Return the name of the class of a task's scripted expert."""
    return f"Sawyer{''.join(word.capitalize() for word in task.split('-'))}V3Policy"
