"""Things that have no business on the table: boxes, cylinders and balls around the task, in colours that no task has."""

from __future__ import annotations

# typing has `override` from 3.12 on
# pyright: reportImplicitOverride=false
import numpy as np

from sim.camera.renderer import CROP_PX, HEIGHT_PX, WIDTH_PX
from sim.mujoco_headless import mujoco
from sim.shifts.shift import Shift, stream
from sim.shifts.task_objects import objects_m
from sim.tasks.layout import Vector, move_body, stored_m
from sim.world import World

N_THINGS = (3, 6)  # from and to, of those below
SHAPES = {"box": mujoco.mjtGeom.mjGEOM_BOX, "can": mujoco.mjtGeom.mjGEOM_CYLINDER, "ball": mujoco.mjtGeom.mjGEOM_SPHERE}
THINGS = {  # half its width and half its height in m, and its colour
    "box_yellow": (0.018, 0.018, (0.93, 0.84, 0.20)),
    "box_brown": (0.022, 0.012, (0.44, 0.29, 0.16)),
    "can_cyan": (0.015, 0.018, (0.25, 0.78, 0.84)),
    "can_white": (0.020, 0.014, (0.95, 0.95, 0.93)),
    "ball_olive": (0.019, 0.019, (0.50, 0.52, 0.14)),
    "ball_black": (0.016, 0.016, (0.07, 0.07, 0.08)),
}
TABLE_X_M, TABLE_Y_M = (0.02, 0.34), (-0.22, 0.22)
CLEAR_OF_BASE_M, CLEAR_OF_WAY_M, CLEAR_OF_EACH_OTHER_M = 0.12, 0.065, 0.012  # of the thing's nearest point
DRAWS = 3000  # of a spot, before a thing stays away; none did in 800 episodes of push and choose
BEHIND_M = 0.06  # so far back along its way an object is shoved from
_SQRT_2 = 2.0**0.5


class Clutter(Shift):
    """Lays three to six things around the task, clear of its objects and of the hand's way; nothing bumps into them."""

    name = "clutter"

    def add_to(self, spec: mujoco.MjSpec) -> None:
        """Adds the things, which do not collide, to the store."""
        for i, (name, (half_width_m, half_height_m, colour)) in enumerate(THINGS.items()):
            body = spec.worldbody.add_body(name=name, pos=stored_m(1.5 + 0.1 * i))
            size = [half_width_m, half_width_m, half_height_m]
            if name.startswith("can"):
                size = [half_width_m, half_height_m, 0]
            body.add_geom(
                name=name, type=SHAPES[name.partition("_")[0]], size=size, rgba=[*colour, 1], contype=0, conaffinity=0
            )

    def dress(self, seen: World, seed: int) -> None:
        """Lay some of the things out, where the policy sees them."""
        rng = stream(self, seen.task_name, seed)
        ways = _ways(seen)
        laid: list[tuple[Vector, float]] = []
        for i, name in enumerate(THINGS):
            move_body(seen.model, name, stored_m(1.5 + 0.1 * i))
        for name in rng.permutation(list(THINGS))[: rng.integers(N_THINGS[0], N_THINGS[1] + 1)]:
            half_width_m, half_height_m, _ = THINGS[name]
            radius_m = half_width_m * (_SQRT_2 if name.startswith("box") else 1.0)
            spot_m = _spot(seen, ways, laid, radius_m, rng)
            if spot_m is None:
                continue
            laid.append((spot_m, radius_m))
            move_body(seen.model, name, np.array([*spot_m, half_height_m]))
            turn_rad = rng.uniform(-np.pi, np.pi) / 2
            seen.model.body(name).quat[:] = [np.cos(turn_rad), 0.0, 0.0, np.sin(turn_rad)]
        mujoco.mj_forward(seen.model, seen.data)


def _ways(world: World) -> list[tuple[Vector, Vector]]:
    """Return the straight ways of the hand over the table: to each object, and with it, from behind, to where it goes."""
    tip_m, now = world.tip_position_m()[:2], world.state.object_state
    ways = [(tip_m, object_m[:2]) for object_m in objects_m(world)]
    way_m = now.goal_m[:2] - now.position_m[:2]
    length_m = float(np.linalg.norm(way_m))
    if length_m > 0:
        ways.append((now.position_m[:2] - way_m * (BEHIND_M / length_m), now.goal_m[:2]))
    return ways


def _spot(
    world: World,
    ways: list[tuple[Vector, Vector]],
    laid: list[tuple[Vector, float]],
    radius_m: float,
    rng: np.random.Generator,
) -> Vector | None:
    """Return a free spot (2,) for a thing of this radius; None where none is found, and the thing stays away."""
    for _ in range(DRAWS):
        spot_m = np.array([rng.uniform(*TABLE_X_M), rng.uniform(*TABLE_Y_M)])
        if (
            np.linalg.norm(spot_m) > CLEAR_OF_BASE_M + radius_m
            and all(_distance_m(spot_m, way) > CLEAR_OF_WAY_M + radius_m for way in ways)
            and all(np.linalg.norm(spot_m - at_m) > CLEAR_OF_EACH_OTHER_M + r_m + radius_m for at_m, r_m in laid)
            and _in_picture(world, spot_m)
        ):
            return spot_m
    return None


def _distance_m(spot_m: Vector, way: tuple[Vector, Vector]) -> float:
    """Return how far a spot (2,) is from a straight way."""
    start_m, along_m = way[0], way[1] - way[0]
    share = float(np.clip((spot_m - start_m) @ along_m / max(along_m @ along_m, 1e-12), 0.0, 1.0))
    return float(np.linalg.norm(spot_m - start_m - share * along_m))


def _in_picture(world: World, spot_m: Vector) -> bool:
    """Return whether the spot is in the square of the picture that policies see."""
    column, row = world.project_px(np.array([[*spot_m, 0.0]]))[0]
    return abs(column - (WIDTH_PX - 1) / 2) < CROP_PX / 2 and 0 <= row < HEIGHT_PX
