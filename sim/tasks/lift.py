"""Lift: pick up an upright cylinder."""

import numpy as np

from sim.mujoco_headless import mujoco
from sim.tasks.layout import ObjectState, draw_spot_m, move_free_body, stored_m

RADIUS_M = 0.017
HALF_HEIGHT_M = 0.020
LIFTED_M = 0.060
COLOUR = (0.56, 0.27, 0.68, 1.0)


class Lift:
    """A cylinder of 34 x 40 mm; done when its centre is above 60 mm."""

    name = "lift"
    keeps_its_colours = False

    def add_objects(self, spec: mujoco.MjSpec) -> None:
        """Adds the cylinder (30 g); rolling friction keeps a toppled one within reach."""
        body = spec.worldbody.add_body(name="lift_cylinder", pos=stored_m(0.8, HALF_HEIGHT_M))
        body.add_freejoint(name="lift_cylinder")
        body.add_geom(
            name="lift_cylinder", type=mujoco.mjtGeom.mjGEOM_CYLINDER, size=[RADIUS_M, HALF_HEIGHT_M, 0], mass=0.03,
            friction=[1.0, 0.02, 0.002], condim=6, rgba=COLOUR,
        )  # fmt: skip

    def place(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """Draws the spot."""
        move_free_body(data, "lift_cylinder", np.array([*draw_spot_m(rng), HALF_HEIGHT_M]))

    def hide(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """Moves the cylinder to the store."""
        move_free_body(data, "lift_cylinder", stored_m(0.8, HALF_HEIGHT_M))

    def observe(self, data: mujoco.MjData) -> ObjectState:
        """The cylinder's centre and axis."""
        cylinder = data.body("lift_cylinder")
        position_m = cylinder.xpos.copy()
        return ObjectState(position_m=position_m, axis=cylinder.xmat.reshape(3, 3)[:, 2].copy(), goal_m=position_m)

    def succeeded(self, data: mujoco.MjData) -> bool:
        """Centre above 60 mm."""
        return bool(data.body("lift_cylinder").xpos[2] > LIFTED_M)
