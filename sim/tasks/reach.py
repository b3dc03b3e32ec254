"""Reach: touch a large ball that stands on a post."""

import numpy as np

from sim.mujoco_headless import mujoco
from sim.tasks.layout import UPRIGHT, ObjectState, draw_spot_m, move_body, stored_m

BALL_RADIUS_M = 0.020
BALL_HEIGHT_M = (0.045, 0.085)  # centre above the table, from and to
COLOUR = (0.86, 0.16, 0.14, 1.0)


class Reach:
    """A 40 mm ball on a post; done when the tip is within its radius of the centre."""

    name = "reach"
    keeps_its_colours = False

    def add_objects(self, spec: mujoco.MjSpec) -> None:
        """Adds ball, post and foot; none of them collides, so that touching is a matter of distance alone."""
        ball = spec.worldbody.add_body(name="reach_ball")
        look = {"contype": 0, "conaffinity": 0}
        ball.add_geom(
            name="reach_ball", type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[BALL_RADIUS_M, 0, 0], rgba=COLOUR, **look
        )
        post = {"type": mujoco.mjtGeom.mjGEOM_CYLINDER, "rgba": [0.30, 0.31, 0.33, 1]}
        ball.add_geom(name="reach_post", pos=[0, 0, -0.06], size=[0.004, 0.05, 0], **post, **look)
        foot = spec.worldbody.add_body(name="reach_foot")
        foot.add_geom(name="reach_foot", size=[0.016, 0.002, 0], **post, **look)

    def place(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """Draws spot and height."""
        spot_m = draw_spot_m(rng)
        move_body(model, "reach_ball", np.array([*spot_m, rng.uniform(*BALL_HEIGHT_M)]))
        move_body(model, "reach_foot", np.array([*spot_m, 0.002]))

    def hide(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """Moves ball and foot to the store."""
        move_body(model, "reach_ball", stored_m(0.0))
        move_body(model, "reach_foot", stored_m(0.0))

    def observe(self, data: mujoco.MjData) -> ObjectState:
        """The ball's centre."""
        position_m = data.body("reach_ball").xpos.copy()
        return ObjectState(position_m=position_m, axis=UPRIGHT, goal_m=position_m)

    def succeeded(self, data: mujoco.MjData) -> bool:
        """Tip within 20 mm of the centre."""
        gap_m = np.linalg.norm(data.site("gripperframe").xpos - data.body("reach_ball").xpos)
        return bool(gap_m < BALL_RADIUS_M)
