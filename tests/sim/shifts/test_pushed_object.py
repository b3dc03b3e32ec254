"""The object is pushed once, when the hand is still away from it, as far as the file says, and to where the task can be done."""

import numpy as np
import pytest

from sim.shifts.pushed_object import AFTER_S, CLEAR_OF_TIP_M, PUSHED_M, PushedObject
from sim.shifts.task_objects import BODIES, objects_m
from sim.tasks import TASKS
from sim.tasks.push import ZONE_RADIUS_M
from sim.world import STEP_NS, World

PERIOD_STEPS = 5


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def pushed(world: World, task: str, seed: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Plays an episode of an arm that stays; returns where the object was and is, and when it was pushed, in ns."""
    shift = PushedObject()
    world.reset(task, seed)
    shift.begin(world, seed)
    before_m = objects_m(world)
    t_pushed_ns = -1
    for period in range(50):
        there_m = objects_m(world)
        shift.during(world, period * PERIOD_STEPS * STEP_NS)
        if t_pushed_ns < 0 and np.any(objects_m(world) != there_m):
            t_pushed_ns = period * PERIOD_STEPS * STEP_NS
        world.step(PERIOD_STEPS)
    return before_m, objects_m(world), t_pushed_ns


@pytest.mark.parametrize("task", list(TASKS))
def test_how_far_and_when(world: World, task: str) -> None:
    times_ns: list[int] = []
    for seed in range(6):
        before_m, after_m, t_pushed_ns = pushed(world, task, seed)
        times_ns.append(t_pushed_ns)
        way_m = after_m - before_m
        # All of its bodies went the same way, over the table and not into it; a free one settles by less than 1 mm.
        np.testing.assert_allclose(way_m, np.broadcast_to(way_m[0], way_m.shape), atol=1e-9)
        assert PUSHED_M[0] - 1e-3 < np.linalg.norm(way_m[0, :2]) < PUSHED_M[1] + 1e-3
        assert abs(way_m[0, 2]) < 1e-3
        assert np.linalg.norm(after_m - world.tip_position_m(), axis=1).min() > CLEAR_OF_TIP_M - 1e-3
        assert not world.succeeded()
    assert all(AFTER_S[0] * 1e9 <= t_ns <= AFTER_S[1] * 1e9 + PERIOD_STEPS * STEP_NS for t_ns in times_ns)
    assert len(set(times_ns)) > 1


def test_nothing_else_is_moved(world: World) -> None:
    world.reset("choose", 1)
    before_m = world.model.body_pos.copy()
    pushed(world, "choose", 1)
    moved = {world.model.body(int(i)).name for i in np.flatnonzero(np.any(world.model.body_pos != before_m, axis=1))}
    assert moved == set(BODIES["choose"])


def test_a_cube_is_not_pushed_into_its_zone(world: World) -> None:
    for seed in range(40):
        pushed(world, "push", seed)
        now = world.state.object_state
        assert np.linalg.norm(now.position_m[:2] - now.goal_m[:2]) > ZONE_RADIUS_M


def test_a_hand_that_is_sooner_near_has_it_pushed_sooner(world: World) -> None:
    world.reset("reach", 2)
    shift = PushedObject()
    shift.begin(world, 2)
    before_m = objects_m(world)
    shift.during(world, 0)
    np.testing.assert_array_equal(objects_m(world), before_m)
    way_m = world.tip_position_m() - before_m[0]
    world.model.body("reach_ball").pos[:] += way_m / 2
    world.put_state(world.physics_state())
    before_m = objects_m(world)
    shift.during(world, STEP_NS)
    assert np.linalg.norm(objects_m(world)[0] - before_m[0]) > PUSHED_M[0] - 1e-9


def test_the_same_seed_pushes_the_same_way(world: World) -> None:
    first, _other, again = (pushed(world, "lift", seed) for seed in (3, 4, 3))
    np.testing.assert_array_equal(first[1], again[1])
    assert first[2] == again[2]
