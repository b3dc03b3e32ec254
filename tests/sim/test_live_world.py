"""The world in real time, on instants that the test chooses."""

from pathlib import Path

import numpy as np
import pytest

from interfaces.errors import RefusedError
from interfaces.robot_config import load_robot
from sim.live_world import LiveWorld
from sim.motors.servo_world import ServoWorld
from sim.world import REST_RAD, World

FRAME_NS = 33_000_000
MS = 1_000_000


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def live(world: World) -> LiveWorld:
    servos = ServoWorld(world)
    for joint, rest_rad in enumerate(REST_RAD):
        servos.set_target_rad(joint, rest_rad)
        servos.set_torque(joint, enabled=True)
    return LiveWorld(world, servos, FRAME_NS, t_now_ns=0)


def test_the_robot_rests_where_episodes_of_the_training_begin() -> None:
    robot = load_robot(Path(__file__).parents[2] / "robots/simulated.toml")
    np.testing.assert_allclose(robot.arm.vector("rest_rad"), REST_RAD)


def test_it_keeps_up_with_the_clock_and_exposes_at_the_frame_rate(live: LiveWorld, world: World) -> None:
    exposures = [live.advance(t_ms * MS) for t_ms in range(0, 1001, 5)]
    taken = [exposure for exposure in exposures if exposure is not None]
    assert abs(len(taken) - 1000 / 33) <= 1
    assert [exposure.number for exposure in taken] == list(range(1, len(taken) + 1))
    between_ns = np.diff([exposure.t_capture_ns for exposure in taken])
    assert abs(np.mean(between_ns) - FRAME_NS) < 1 * MS
    assert live.status()["skipped_s"] == 0.0
    np.testing.assert_allclose(world.joint_positions_rad, REST_RAD, atol=0.02)  # the servos hold it


def test_a_world_that_fell_behind_skips_and_says_so(live: LiveWorld) -> None:
    live.advance(10 * MS)
    live.advance(5_000 * MS)
    assert live.status()["skipped_s"] == pytest.approx(4.988, abs=0.005)


def test_success_is_noted_once_and_forgotten_with_the_scene(live: LiveWorld, world: World) -> None:
    live.set_scene("push", 3)
    live.advance(20 * MS)
    assert live.status()["success_s"] is None
    zone = world.data.body("push_zone").xpos
    world.data.joint("push_cube").qpos[:2] = zone[:2]
    live.advance(40 * MS)
    first_s = live.status()["success_s"]
    assert first_s is not None
    live.advance(60 * MS)
    assert live.status()["success_s"] == first_s
    live.set_scene("push", 4)
    assert live.status()["success_s"] is None


def test_an_unknown_task_is_refused(live: LiveWorld) -> None:
    with pytest.raises(RefusedError, match="dance"):
        live.set_scene("dance", 0)
