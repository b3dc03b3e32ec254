"""Which bodies make up the object of each task, and where they are: what is pushed about, and what clutter keeps clear of."""

from __future__ import annotations

import numpy as np

from sim.tasks.layout import Vector
from sim.world import World

# The first of each has a free joint of the same name, or is fixed to the table with all the others; they are moved together.
BODIES = {
    "reach": ("reach_ball", "reach_foot"),
    "push": ("push_cube",),
    "press": ("press_base",),
    "lift": ("lift_cylinder",),
    "choose": ("choose_left", "choose_right", "choose_meant"),
}
FREE = ("push", "lift")


def objects_m(world: World) -> Vector:
    """Return where the bodies of the task's object are now, (body, 3)."""
    return np.array([world.data.body(name).xpos for name in BODIES[world.task_name]])
