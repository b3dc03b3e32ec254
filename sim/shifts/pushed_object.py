"""An object that is somewhere else all of a sudden, when the hand is already on its way: whoever follows a plan misses it."""

from __future__ import annotations

# typing has `override` from 3.12 on
# pyright: reportImplicitOverride=false
import numpy as np

from sim.mujoco_headless import mujoco
from sim.shifts.shift import Shift, stream
from sim.shifts.task_objects import BODIES, FREE, objects_m
from sim.tasks.layout import Vector
from sim.tasks.push import workable
from sim.world import World

PUSHED_M = (0.030, 0.060)  # how far, from and to
AFTER_S = (0.1, 0.3)  # how long after the start, from and to; sooner where the hand is sooner on its last stretch
LAST_STRETCH_RATIO = 2 / 3  # of the way that the tip had to the object at first
CLEAR_OF_TIP_M = 0.045
RADIUS_M = (0.165, 0.235)  # as far from the base as seeds put objects (sim/tasks/layout.py)
ASIDE_RAD = {"reach": 0.50, "push": 0.55, "press": 0.50, "lift": 0.50, "choose": 0.65}
DRAWS = 20_000  # of a way, before the object stays; up to 530 were needed in 3000 episodes of push and choose
TRAVEL_M = (0.055, 0.150)  # between cube and zone; seeds put them 0.07 to 0.12 apart


class PushedObject(Shift):
    """Moves the task's object once, by 3 to 6 cm over the table, to where the task can still be done."""

    name = "pushed"

    def __init__(self) -> None:
        self._rng = np.random.default_rng()
        self._after_ns = 0
        self._gap_m = 0.0  # at the start
        self._is_done = True

    def begin(self, world: World, seed: int) -> None:
        """Draw when it will happen."""
        self._rng = stream(self, world.task_name, seed)
        self._after_ns = round(self._rng.uniform(*AFTER_S) * 1e9)
        self._gap_m = _gap_m(world)
        self._is_done = False

    def during(self, world: World, elapsed_ns: int) -> None:
        """Push the object when its time has come."""
        if self._is_done or (elapsed_ns < self._after_ns and _gap_m(world) > LAST_STRETCH_RATIO * self._gap_m):
            return
        _move(world, self._drawn_way(world))
        self._is_done = True

    def _drawn_way(self, world: World) -> Vector:
        """Return how far (2,) the object is pushed; not at all where there is no place for it."""
        there_m = objects_m(world)
        for _ in range(DRAWS):
            length_m, angle_rad = self._rng.uniform(*PUSHED_M), self._rng.uniform(-np.pi, np.pi)
            way_m = length_m * np.array([np.cos(angle_rad), np.sin(angle_rad)])
            if _may_be(world, there_m + np.array([*way_m, 0.0])):
                return way_m
        return np.zeros(2)


def _gap_m(world: World) -> float:
    """Return how far the tip is from the nearest of the task's objects."""
    return float(np.linalg.norm(objects_m(world) - world.tip_position_m(), axis=1).min())


def _may_be(world: World, places_m: Vector) -> bool:
    """Return whether the task can be done with its object there, (body, 3), and whether the hand is not there yet."""
    radius_m, angle_rad = np.linalg.norm(places_m[:, :2], axis=1), np.arctan2(places_m[:, 1], places_m[:, 0])
    within = (radius_m > RADIUS_M[0]) & (radius_m < RADIUS_M[1]) & (abs(angle_rad) < ASIDE_RAD[world.task_name])
    clear = np.linalg.norm(places_m - world.tip_position_m(), axis=1) > CLEAR_OF_TIP_M
    if not (within.all() and clear.all()):
        return False
    goal_m = world.state.object_state.goal_m
    return world.task_name != "push" or workable(places_m[0, :2], goal_m[:2], TRAVEL_M)


def _move(world: World, way_m: Vector) -> None:
    for name in BODIES[world.task_name]:
        if world.task_name in FREE:
            world.data.joint(name).qpos[:2] += way_m
        else:
            world.model.body(name).pos[:2] += way_m
    mujoco.mj_forward(world.model, world.data)
