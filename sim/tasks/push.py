"""Push: shove a cube into a marked zone."""

import numpy as np

from sim.mujoco_headless import mujoco
from sim.tasks.layout import ObjectState, Vector, draw_spot_m, move_body, move_free_body, stored_m

CUBE_HALF_M = 0.021
ZONE_RADIUS_M = 0.050
ARRIVED_M = 0.035
TRAVEL_M = (0.070, 0.120)  # how far the zone is drawn from the cube
BEHIND_M = 0.050  # the arm must be able to stand here, behind the cube
BEHIND_RADIUS_M = (0.135, 0.262)
# The zone lies to the left or right: the wrist can then set both fingers across the way without a choice of two turns.
MAX_OFF_SIDEWAYS_RAD = 0.65
CUBE_COLOUR = (0.16, 0.36, 0.80, 1.0)
ZONE_COLOUR = (0.22, 0.66, 0.40, 1.0)


class Push:
    """A 42 mm cube and a disc of 100 mm; done when the cube's centre is within 35 mm of the disc's."""

    name = "push"
    keeps_its_colours = False

    def add_objects(self, spec: mujoco.MjSpec) -> None:
        """Adds the cube (80 g, smooth against everything it touches) and the disc (painted on the table)."""
        cube = spec.worldbody.add_body(name="push_cube", pos=stored_m(0.4, CUBE_HALF_M))
        cube.add_freejoint(name="push_cube")
        cube.add_geom(
            name="push_cube", type=mujoco.mjtGeom.mjGEOM_BOX, size=[CUBE_HALF_M] * 3, mass=0.08,
            friction=[0.35, 0.01, 0.0002], priority=1, condim=4, rgba=CUBE_COLOUR,
        )  # fmt: skip
        zone = spec.worldbody.add_body(name="push_zone")
        zone.add_geom(
            name="push_zone", type=mujoco.mjtGeom.mjGEOM_CYLINDER, size=[ZONE_RADIUS_M, 0.0006, 0],
            contype=0, conaffinity=0, rgba=ZONE_COLOUR,
        )  # fmt: skip

    def place(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """Draws cube and zone until the cube can be shoved from behind within the arm's reach."""
        cube_m, zone_m = draw_spot_m(rng), draw_spot_m(rng)
        while not workable(cube_m, zone_m):
            cube_m, zone_m = draw_spot_m(rng), draw_spot_m(rng)
        move_free_body(data, "push_cube", np.array([*cube_m, CUBE_HALF_M]), rng.uniform(-np.pi / 4, np.pi / 4))
        move_body(model, "push_zone", np.array([*zone_m, 0.0]))

    def hide(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """Moves cube and zone to the store."""
        move_free_body(data, "push_cube", stored_m(0.4, CUBE_HALF_M))
        move_body(model, "push_zone", stored_m(0.6))

    def observe(self, data: mujoco.MjData) -> ObjectState:
        """The cube's centre, and the zone's at the same height."""
        cube, zone_m = data.body("push_cube"), data.body("push_zone").xpos
        return ObjectState(
            position_m=cube.xpos.copy(),
            axis=cube.xmat.reshape(3, 3)[:, 2].copy(),
            goal_m=np.array([zone_m[0], zone_m[1], CUBE_HALF_M]),
        )

    def succeeded(self, data: mujoco.MjData) -> bool:
        """Cube's centre within 35 mm of the zone's."""
        gap_m = np.linalg.norm(data.body("push_cube").xpos[:2] - data.body("push_zone").xpos[:2])
        return bool(gap_m < ARRIVED_M)


def workable(cube_m: Vector, zone_m: Vector, between_m: tuple[float, float] = TRAVEL_M) -> bool:
    """Return whether the arm can shove the cube (2,) into the zone (2,), so far apart."""
    travel_m = float(np.linalg.norm(zone_m - cube_m))
    forward = (zone_m - cube_m) / max(travel_m, 1e-9)
    behind_radius_m = float(np.linalg.norm(cube_m - forward * BEHIND_M))
    radial_share = abs(float(forward @ cube_m)) / float(np.linalg.norm(cube_m))
    return (
        between_m[0] < travel_m < between_m[1]
        and BEHIND_RADIUS_M[0] < behind_radius_m < BEHIND_RADIUS_M[1]
        and radial_share < np.sin(MAX_OFF_SIDEWAYS_RAD)
    )
