"""The world in real time, on instants that the test chooses."""

from pathlib import Path

import numpy as np
import pytest

from interfaces.errors import RefusedError
from interfaces.robot_config import load_robot
from sim.camera.process import CLEARED, Exposure, decode_exposure
from sim.live_world import LiveWorld
from sim.motors.servo_world import ServoWorld
from sim.truth import BoardPlace, Truth
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


def test_a_hand_leads_the_limp_arm_until_the_motors_drive(world: World) -> None:
    servos = ServoWorld(world)
    limp = LiveWorld(world, servos, FRAME_NS, t_now_ns=0)
    limp.guide([0.3, -0.75, 0.35, 1.60, None, None])
    for t_ms in range(0, 1501, 5):
        limp.advance(t_ms * MS)
    assert limp.status()["joints_rad"][0] == pytest.approx(0.3, abs=2e-3)
    assert limp.status()["hand"]
    for joint in range(6):
        servos.set_torque(joint, enabled=True)
    limp.advance(1505 * MS)
    assert world.hand.is_idle
    for wrong in ([0.0], [0.0, 0.0, "up", 0.0, 0.0, 0.0]):
        with pytest.raises(RefusedError, match="six angles"):
            limp.guide(wrong)


def test_a_cleared_table_is_nobodys_success(live: LiveWorld, world: World) -> None:
    live.clear()
    exposures = [live.advance(t_ms * MS) for t_ms in range(0, 200, 5)]
    assert {exposure.task for exposure in exposures if exposure is not None} == {CLEARED}
    assert live.status()["success_s"] is None
    assert np.linalg.norm(world.data.body("reach_ball").xpos[:2]) > 0.5


def test_exposures_tell_of_the_board_and_are_stamped_as_late_as_the_truth_says() -> None:
    world = World(Truth(stamp_delay_ms=15.0))
    live = LiveWorld(world, ServoWorld(world), FRAME_NS, t_now_ns=0)
    place = BoardPlace(
        width_m=0.2, height_m=0.1, fixed_to="hand", translation_m=(0.1, 0.2, 0.3), rotation_wxyz=(0.0, 1.0, 0.0, 0.0)
    )
    live.place_board(place)
    exposure = next_exposure(live, 0)
    assert exposure.board == place
    assert decode_exposure(exposure.encode()).board == place
    assert exposure.t_capture_ns % (2 * MS) == 15 * MS % (2 * MS)
    live.place_board(None)
    assert next_exposure(live, 100).board is None


def next_exposure(live: LiveWorld, t_from_ms: int) -> Exposure:
    exposures = (live.advance(t_ms * MS) for t_ms in range(t_from_ms, t_from_ms + 100, 2))
    return next(exposure for exposure in exposures if exposure is not None)
