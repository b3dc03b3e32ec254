"""Choose: touch either of two equal balls; one task with two valid ways."""

import numpy as np

from sim.mujoco_headless import mujoco
from sim.tasks.layout import UPRIGHT, ObjectState, move_body, polar_m, stored_m

BALL_RADIUS_M = 0.020
HEIGHT_M = 0.060  # of both centres above the table
RADIUS_M = (0.175, 0.225)  # from the base, the same for both
HALF_ANGLE_RAD = (0.30, 0.50)  # the balls lie this far to the left and right of the middle
MIDDLE_RAD = 0.10  # how far the middle may lie from straight ahead
COLOUR = (0.93, 0.42, 0.62, 1.0)
SIDES = ("left", "right")


class Choose:
    """Two 40 mm balls on posts, mirror images of each other; done when the tip is within either's radius of its centre.

    The expert is told one of them, drawn by lot; a policy is not. Who answers with the mean of what was shown goes between them.
    """

    name = "choose"
    keeps_its_colours = True  # or they would not be equal

    def add_objects(self, spec: mujoco.MjSpec) -> None:
        """Adds balls, posts and feet, none of which collides, and an unseen body that marks the ball the expert is told."""
        look = {"contype": 0, "conaffinity": 0}
        post = {"type": mujoco.mjtGeom.mjGEOM_CYLINDER, "rgba": [0.30, 0.31, 0.33, 1]}
        for side in SIDES:
            ball = spec.worldbody.add_body(name=f"choose_{side}")
            sphere = mujoco.mjtGeom.mjGEOM_SPHERE
            ball.add_geom(name=f"choose_{side}", type=sphere, size=[BALL_RADIUS_M, 0, 0], rgba=COLOUR, **look)
            ball.add_geom(name=f"choose_{side}_post", pos=[0, 0, -0.03], size=[0.004, 0.03, 0], **post, **look)
            ball.add_geom(name=f"choose_{side}_foot", pos=[0, 0, -0.058], size=[0.016, 0.002, 0], **post, **look)
        spec.worldbody.add_body(name="choose_meant")

    def place(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """Draws where the balls lie, and which of them the expert will touch."""
        radius_m, middle_rad = rng.uniform(*RADIUS_M), rng.uniform(-MIDDLE_RAD, MIDDLE_RAD)
        half_angle_rad = rng.uniform(*HALF_ANGLE_RAD)
        angles_rad = middle_rad + half_angle_rad * np.array([1.0, -1.0])
        centres_m = [np.array([*polar_m(radius_m, angle_rad), HEIGHT_M]) for angle_rad in angles_rad]
        for side, centre_m in zip(SIDES, centres_m, strict=True):
            move_body(model, f"choose_{side}", centre_m)
        move_body(model, "choose_meant", centres_m[rng.integers(2)])

    def hide(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """Moves the balls to the store."""
        for place_m, side in zip((1.0, 1.2), SIDES, strict=True):
            move_body(model, f"choose_{side}", stored_m(place_m))
        move_body(model, "choose_meant", stored_m(1.0))

    def observe(self, data: mujoco.MjData) -> ObjectState:
        """The ball that is meant."""
        position_m = data.body("choose_meant").xpos.copy()
        return ObjectState(position_m=position_m, axis=UPRIGHT, goal_m=position_m)

    def succeeded(self, data: mujoco.MjData) -> bool:
        """Tip within 20 mm of either centre."""
        tip_m = data.site("gripperframe").xpos
        return any(np.linalg.norm(tip_m - data.body(f"choose_{side}").xpos) < BALL_RADIUS_M for side in SIDES)
