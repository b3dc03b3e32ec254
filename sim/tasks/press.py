"""Press: push the sprung cap of a button down."""

import numpy as np

from sim.mujoco_headless import mujoco
from sim.tasks.layout import UPRIGHT, ObjectState, draw_spot_m, move_body, stored_m

CAP_RADIUS_M = 0.020
CAP_HALF_HEIGHT_M = 0.009
CAP_CENTRE_M = 0.033  # height of the cap's centre when nobody presses
CAP_TOP_M = CAP_CENTRE_M + CAP_HALF_HEIGHT_M
STROKE_M = 0.014
PRESSED_M = 0.008
CAP_COLOUR = (0.93, 0.42, 0.10, 1.0)


class Press:
    """A 40 mm cap on a spring, 14 mm of stroke; done at 8 mm."""

    name = "press"
    keeps_its_colours = False

    def add_objects(self, spec: mujoco.MjSpec) -> None:
        """Adds housing (fixed) and cap (a slide joint with spring and damper: 0.4 N at rest, 3 N at the bottom)."""
        base = spec.worldbody.add_body(name="press_base")
        cylinder = mujoco.mjtGeom.mjGEOM_CYLINDER
        base.add_geom(
            name="press_base", type=cylinder, pos=[0, 0, 0.012], size=[0.029, 0.012, 0], rgba=[0.22, 0.23, 0.26, 1]
        )
        cap = base.add_body(name="press_cap", pos=[0, 0, CAP_CENTRE_M])
        cap.add_joint(
            name="press_cap", type=mujoco.mjtJoint.mjJNT_SLIDE, axis=[0, 0, -1], limited=True, range=[0, STROKE_M],
            stiffness=180, springref=-0.002, damping=1.5, armature=0.01, solref_limit=[0.004, 1.0],
        )  # fmt: skip
        cap.add_geom(
            name="press_cap", type=cylinder, size=[CAP_RADIUS_M, CAP_HALF_HEIGHT_M, 0], mass=0.01, rgba=CAP_COLOUR,
        )  # fmt: skip

    def place(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """Draws the spot."""
        move_body(model, "press_base", np.array([*draw_spot_m(rng), 0.0]))
        self._release(data)

    def hide(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """Moves the button to the store."""
        move_body(model, "press_base", stored_m(0.2))
        self._release(data)

    def observe(self, data: mujoco.MjData) -> ObjectState:
        """The centre of the cap's top as it is, and where that top rests when nobody presses."""
        cap_m = data.body("press_cap").xpos + np.array([0, 0, CAP_HALF_HEIGHT_M])
        rest_m = data.body("press_base").xpos + np.array([0, 0, CAP_TOP_M])
        return ObjectState(position_m=cap_m, axis=UPRIGHT, goal_m=rest_m)

    def succeeded(self, data: mujoco.MjData) -> bool:
        """Cap at least 8 mm down."""
        return bool(data.joint("press_cap").qpos[0] > PRESSED_M)

    def _release(self, data: mujoco.MjData) -> None:
        data.joint("press_cap").qpos[0] = 0.0
        data.joint("press_cap").qvel[0] = 0.0
