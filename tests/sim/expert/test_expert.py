"""The expert solves every task, from any state, as a pure function of what it sees."""

import numpy as np
import pytest

from sim.expert.chunk import expert_chunk
from sim.expert.expert import JOINT_SPEED_RAD_S, expert_target
from sim.expert.trial import Conditions, run_episode
from sim.tasks import TASKS
from sim.tick import SERVO_TICK_RAD, execute_tick, quantised_rad
from sim.world import World


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.mark.parametrize("task_name", list(TASKS))
@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4])
def test_succeeds(world: World, task_name: str, seed: int) -> None:
    assert run_episode(world, task_name, seed, Conditions(noisy=False, late_ticks=0)) is not None


@pytest.mark.parametrize("task_name", list(TASKS))
def test_stays_successful(world: World, task_name: str) -> None:
    """In real time the loop goes on after the first success: a second later it must still hold."""
    assert run_episode(world, task_name, 1, Conditions(noisy=False, late_ticks=0)) is not None
    command_rad = world.joint_positions_rad
    for _ in range(20):
        target_rad = expert_target(task_name, world.state, 0.05)
        execute_tick(world, command_rad, target_rad, 50_000_000)
        command_rad = target_rad
    assert world.succeeded()


@pytest.mark.parametrize("task_name", list(TASKS))
def test_is_pure_and_never_fast(world: World, task_name: str) -> None:
    rng = np.random.default_rng(0)
    for seed in range(20):
        world.reset(task_name, seed)
        world.set_targets(rng.uniform([-0.7, -1.2, -0.3, 0.5, -1, 0], [0.7, 0.3, 1.2, 1.6, 1, 1]))
        world.step(300)
        first_rad = expert_target(task_name, world.state, 0.05)
        np.testing.assert_array_equal(first_rad, expert_target(task_name, world.state, 0.05))
        assert np.abs(first_rad - world.joint_positions_rad).max() <= JOINT_SPEED_RAD_S * 0.05 + 1e-9


def test_a_tick_ends_at_its_target_in_whole_servo_ticks(world: World) -> None:
    world.reset("reach", 0)
    start_rad = world.joint_positions_rad
    execute_tick(world, start_rad, start_rad + 0.05, 50_000_000)
    assert world.time_ns == 50_000_000
    np.testing.assert_allclose(world.data.ctrl[:6], quantised_rad(start_rad + 0.05))
    np.testing.assert_allclose(np.rint(world.data.ctrl[:6] / SERVO_TICK_RAD) * SERVO_TICK_RAD, world.data.ctrl[:6])


def test_a_chunk_starts_at_the_joints_and_goes_on_from_tick_to_tick(world: World) -> None:
    world.reset("reach", 3)
    chunk_rad = expert_chunk("reach", world.state, 16, 0.05)
    assert chunk_rad.shape == (16, 6)
    np.testing.assert_array_equal(chunk_rad[0], world.joint_positions_rad)
    np.testing.assert_array_equal(chunk_rad[1], expert_target("reach", world.state, 0.05))
    ball_m = world.state.object_state.position_m
    gaps_m = np.linalg.norm(world.tip_path_m(chunk_rad) - ball_m, axis=1)
    assert gaps_m[-1] < 0.02 < gaps_m[0]


@pytest.mark.parametrize("task_name", list(TASKS))
def test_succeeds_on_observations_of_a_tenth_of_a_second_ago(world: World, task_name: str) -> None:
    assert run_episode(world, task_name, 2, Conditions(noisy=False, late_ticks=2)) is not None
