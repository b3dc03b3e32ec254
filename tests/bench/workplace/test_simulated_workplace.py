"""The simulated workplace tells its drivers one thing and knows another; its clock, camera and operator behave."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.closed_loop.other_bus import on_bus
from bench.workplace.simulated_operator import STANCE_RAD
from bench.workplace.simulated_workplace import REST_RAD, SimulatedWorkplace
from calibration.board.board import BoardFinder, BoardSpec
from calibration.session.stills import take_still
from interfaces.errors import DeviceLostError
from interfaces.messages import JointVector
from interfaces.robot_config import load_robot
from sim.truth import Truth

ROBOT = load_robot(Path(__file__).parents[3] / "robots/simulated.toml")
OFFSET_RAD = (0.02, -0.03, 0.01, 0.02, -0.01, 0.03)
TICK_RAD = 2 * np.pi / 4096
POSE_RAD = np.array([0.4, -0.9, 0.3, 1.0, 0.3, 0.4])
SMALL_BOARD = BoardSpec(squares_x=7, squares_y=5, square_m=0.020, marker_m=0.015)


def workplace(folder: Path, truth: Truth | None = None, bus: str = "feetech") -> SimulatedWorkplace:
    return SimulatedWorkplace(on_bus(ROBOT, bus), truth or Truth(), folder=folder, board=SMALL_BOARD)


@pytest.mark.parametrize("bus", ["feetech", "dynamixel", "damiao", "odrive", "cia402", "robstride"])
def test_drivers_see_joints_without_the_offset(tmp_path: Path, bus: str) -> None:
    place = workplace(tmp_path, Truth(joint_offset_rad=OFFSET_RAD), bus)
    with place.workplace.arm_session() as arm:
        arm.hold()
        t_start_ns = place.clock.now_ns()
        arm.move(POSE_RAD)
        assert place.clock.now_ns() - t_start_ns > 500_000_000
        told_rad = arm.read().position_rad
        # The motors of Damiao count in coarser steps than the servos.
        np.testing.assert_allclose(place.true_joints_rad(), told_rad + OFFSET_RAD, atol=1.1 * TICK_RAD)
        np.testing.assert_allclose(told_rad, POSE_RAD, atol=3 * TICK_RAD)


def test_the_arm_is_limp_and_in_the_operators_hands_until_the_motors_hold_it(tmp_path: Path) -> None:
    place = workplace(tmp_path)
    with place.workplace.arm_session() as arm:
        assert arm.torque_before == (False,) * 6
        place.clock.wait_until(place.clock.now_ns() + 500_000_000)
        np.testing.assert_allclose(place.true_joints_rad(), REST_RAD, atol=2e-3)
        arm.hold()
        place.clock.wait_until(place.clock.now_ns() + 100_000_000)
        assert place.world.hand.is_idle


def test_the_operator_sweeps_every_joint_to_both_stops(tmp_path: Path) -> None:
    place = workplace(tmp_path, Truth(joint_offset_rad=OFFSET_RAD))
    seen: list[JointVector] = []
    with place.workplace.arm_session() as arm:
        place.operator.wait("support-arm", "Hold the arm.")
        arm.release()

        def look() -> str:
            seen.append(arm.read().position_rad)
            return f"{len(seen)} looks"

        place.operator.watch("sweep", "Move every joint to both stops.", look, lambda: False)
    stops_rad = place.world.model.jnt_range[:6].T - np.array(OFFSET_RAD)
    np.testing.assert_allclose(np.min(seen, axis=0), stops_rad[0], atol=2e-3)
    np.testing.assert_allclose(np.max(seen, axis=0), stops_rad[1], atol=2e-3)
    assert f"{len(seen)} looks" in place.operator.said


def test_what_is_done_ends_what_is_watched(tmp_path: Path) -> None:
    place = workplace(tmp_path)
    looks: list[int] = []
    place.operator.watch("sweep", "", lambda: looks.append(place.clock.now_ns()) or "", lambda: len(looks) >= 5)
    assert len(looks) == 5
    assert np.diff(looks).tolist() == [100_000_000] * 4


def test_the_operator_holds_the_reference_pose_to_half_a_tick(tmp_path: Path) -> None:
    place = workplace(tmp_path)
    place.operator.reference_pose_rad = np.array(STANCE_RAD)
    place.operator.wait("hold-pose", "Hold the arm straight up.")
    np.testing.assert_allclose(place.true_joints_rad(), STANCE_RAD, atol=0.5 * TICK_RAD)


def test_an_operator_who_gives_up_does_so_at_that_request(tmp_path: Path) -> None:
    operator = workplace(tmp_path).operator
    operator.interrupt_at = 2
    operator.answers["accept"] = False
    assert operator.confirm("arm-moves", "May it?", default=True)
    assert not operator.confirm("accept", "Keep it?", default=True)
    with pytest.raises(KeyboardInterrupt):
        operator.wait("support-arm", "Hold it.")
    assert [step for step, _ in operator.requests] == ["arm-moves", "accept", "support-arm"]
    assert "Keep it?" in operator.said


def test_what_is_to_be_done_meanwhile_is_done_while_the_operator_works(tmp_path: Path) -> None:
    place = workplace(tmp_path, bus="dynamixel")
    place.operator.scripts["slow"] = lambda: iter([None] * 20)
    with place.workplace.arm_session() as arm:
        arm.hold()
        place.operator.wait("slow", "Have a look around.")  # 2 s: the servos' own time-out is 0.1 s
        np.testing.assert_allclose(arm.move(POSE_RAD).position_rad, POSE_RAD, atol=3 * TICK_RAD)


@pytest.mark.parametrize("mount", ["front", "wrist"])
def test_the_camera_sees_the_board_where_it_truly_is(tmp_path: Path, mount: str) -> None:
    truth = Truth(camera_mount="wrist" if mount == "wrist" else "front", width_px=640, height_px=360, image_noise=1.0)
    place = workplace(tmp_path, truth)
    camera = place.workplace.make_camera(place.robot.cameras[0])
    camera.open()
    intrinsics = camera.facts().intrinsics
    assert intrinsics is not None
    place.operator.wait("place-board", "")
    with place.workplace.arm_session() as arm:
        for _ in range(2):
            place.operator.wait("pose-arm", "")
            still = take_still(camera, arm, place.clock, n_frames=2)
            found = BoardFinder(SMALL_BOARD).find(still.frames[-1].rgb)
            assert found is not None
            camera_from_board = np.linalg.inv(place.true_base_from_camera()) @ place.true_base_from_board()
            there_m = found.points_m @ camera_from_board[:3, :3].T + camera_from_board[:3, 3]
            pixels = there_m[:, :2] / there_m[:, 2:] * intrinsics.focal_x_px
            pixels += (intrinsics.centre_x_px, intrinsics.centre_y_px)
            assert np.median(np.linalg.norm(found.pixels - pixels, axis=1)) < 0.1
    camera.close()


def test_frames_come_at_their_rate_late_and_with_the_stamps_that_the_truth_wants(tmp_path: Path) -> None:
    place = workplace(tmp_path, Truth(stamp_delay_ms=12.0))
    config = place.robot.cameras[0]
    camera = place.workplace.make_camera(config)
    with pytest.raises(DeviceLostError):
        camera.read(0.0)
    camera.open()
    place.world.hand.guide(np.array([0.5, -0.75, 0.35, 1.60, 0.0, 0.05]))
    frames = [frame for _ in range(4) if (frame := camera.read(0.1)) is not None]
    assert len(frames) == 4
    captures_ns = [frame.t_capture_ns for frame in frames]
    assert np.diff(captures_ns).tolist() == [round(1e9 / config.rate_hz)] * 3
    assert (captures_ns[0] - 12_000_000) % round(1e9 / config.rate_hz) == 0  # exposed on the grid, stamped later
    assert camera.read(0.001) is None
    assert camera.health().frames == 4
    camera.close()


def test_pictures_are_of_the_size_asked_for_and_only_what_moved_is_rendered_anew(tmp_path: Path) -> None:
    place = workplace(tmp_path, Truth(image_noise=1.0))
    config = replace(place.robot.cameras[0], width_px=320, height_px=180)
    camera = place.workplace.make_camera(config)
    camera.open()
    with place.workplace.arm_session() as arm:
        arm.hold()
        arm.stand(500_000_000)
        first, second = take_still(camera, arm, place.clock, n_frames=2).frames
        assert first.rgb.shape == (180, 320, 3)
        apart = first.rgb.astype(int) - second.rgb
        assert 0 < np.abs(apart).max() < 12  # noise, and nothing else
        arm.move(POSE_RAD)
        (moved,) = take_still(camera, arm, place.clock, n_frames=1).frames
        assert np.abs(moved.rgb.astype(int) - second.rgb).max() > 60
    camera.close()


def test_the_same_seed_is_the_same_session(tmp_path: Path) -> None:
    def session() -> tuple[bytes, bytes]:
        place = workplace(tmp_path, Truth(image_noise=2.0, command_delay_ms=7.3))
        camera = place.workplace.make_camera(place.robot.cameras[0])
        camera.open()
        with place.workplace.arm_session() as arm:
            arm.hold()
            arm.move(POSE_RAD)
            frame = camera.read(0.1)
        camera.close()
        assert frame is not None
        return place.true_joints_rad().tobytes(), frame.rgb.tobytes()

    assert session() == session()


def test_late_orders_act_later_by_the_delay(tmp_path: Path) -> None:
    def moved_after_ns(delay_ms: float) -> int:
        place = workplace(tmp_path, Truth(command_delay_ms=delay_ms))
        arm = place.workplace.make_arm(place.robot.arm)
        arm.open()
        target_rad = arm.hold().position_rad.copy()
        place.clock.wait_until(place.clock.now_ns() + 300_000_000)
        start_rad = place.true_joints_rad()[0]
        target_rad[0] += 0.05
        t_start_ns = place.clock.now_ns()
        arm.exchange(target_rad)
        for _ in range(1000):
            place.clock.wait_until(place.clock.now_ns() + 50_000)
            if abs(place.true_joints_rad()[0] - start_rad) > 1e-4:
                break
        return place.clock.now_ns() - t_start_ns

    assert moved_after_ns(13.7) - moved_after_ns(0.0) == pytest.approx(13.7e6, abs=0.1e6)
