"""`forerun calibrate joints` from end to end: emulated servos, real drivers, a hand on the arm; and given up at every step."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from bench.calibration.joints import RAD_PER_TICK, handled_trial, physics_trial, robot_for
from bench.workplace.arm_in_hand import ArmInHand, Mounting, built, true_homes
from calibration.joints import program
from calibration.records.store import RecordStore
from interfaces.calibration.homes import homes, with_homes
from interfaces.calibration.joints import JointsRecord
from interfaces.errors import BusTimeoutError, DeviceError, RefusedError
from sim.feetech.bus import ServoBus
from sim.serial.servo_line import ServoLine

N_JOINTS = 6
MEASURED_FROM = {
    "feetech": 56,
    "dynamixel": 116,
}  # where a servo's memory begins to tell what it measures, or is to go to
WELL = Mounting(motor_at_zero_rad=np.linspace(-0.2, 0.2, N_JOINTS), direction=np.array([1.0, -1, 1, 1, -1, 1]))
CROSSING = replace(WELL, motor_at_zero_rad=np.full(N_JOINTS, 3.0))  # the seam close to each joint's zero


def arm(folder: Path, mounting: Mounting = WELL, family: str = "feetech", **calibration: Any) -> ArmInHand:
    """Return an arm that hangs limp, for which there is no record."""
    robot = built(robot_for(family, folder), mounting)
    assert robot.calibration is not None
    robot = replace(robot, calibration=replace(robot.calibration, **calibration))
    return ArmInHand(robot, mounting, folder, seed=3)


def calibrate(place: ArmInHand, *options: str) -> int:
    """Run the program with options of its command line."""
    parser = argparse.ArgumentParser()
    program.add_arguments(parser)
    return program.run(place.workplace, parser.parse_args(options))


def record_of(place: ArmInHand) -> JointsRecord:
    """Return the record that was made."""
    record = RecordStore(place.workplace.records).current("joints")
    assert isinstance(record, JointsRecord)
    return record


def memory(place: ArmInHand) -> list[bytes]:
    """Return what the servos keep and are set to, byte for byte."""
    line = cast("ServoLine[Any, Any]", place.bus)
    count = MEASURED_FROM[place.workplace.robot.arm.driver]
    return [b"".join(servo.read(byte, 1) for byte in range(count)) for servo in line.servos]


def offsets(place: ArmInHand) -> list[int]:
    """Return the homing offsets in the servos."""
    servos = place.workplace.make_homing()
    assert servos is not None
    servos.open()
    kept = [motor.homing_offset for motor in servos.identity()]
    servos.close()
    return kept


@pytest.mark.parametrize("family", ["feetech", "dynamixel"])
def test_zeros_are_true_to_half_a_tick_from_real_bytes(family: str) -> None:
    trial = handled_trial(family, "stops", seed=2, ideal=True)
    assert trial.errors_ticks is not None
    assert np.abs(trial.errors_ticks).max() <= 0.5
    assert trial.crossing == (family == "feetech")  # with the offset found, the seam is out of the way


@pytest.mark.slow  # a quarter of a minute; without weight the same is true to half a tick, above
def test_in_a_world_with_weight_and_soft_stops_zeros_are_true_to_a_tick() -> None:
    trial = physics_trial("feetech", "stops", seed=1)
    assert trial.errors_ticks is not None
    assert np.abs(trial.errors_ticks).max() <= 0.6  # each end of a travel is a whole tick


def test_a_pose_held_by_a_trembling_hand_is_finer_than_a_tick() -> None:
    trial = handled_trial("feetech", "pose", seed=4)
    assert trial.errors_ticks is not None
    assert np.abs(trial.errors_ticks).max() < 0.25


def test_the_arm_then_tells_and_takes_true_angles(tmp_path: Path) -> None:
    place = arm(tmp_path, CROSSING)
    true = with_homes(place.workplace.robot.arm, true_homes(CROSSING, 4096).tolist())
    with pytest.raises(DeviceError, match="crosses the seam"):
        place.workplace.make_arm(true).open()
    assert calibrate(place) == program.PASSED
    record = record_of(place)
    calibrated = with_homes(true, [joint.home for joint in record.joints])
    driven = place.workplace.make_arm(calibrated)
    assert np.abs(driven.open().position_rad - place.joints.position_now_rad).max() < 1.1 * RAD_PER_TICK
    assert driven.identity() == record.arm.motors
    assert offsets(place) == [motor.homing_offset for motor in record.arm.motors]
    assert record.offsets == "eeprom"
    assert record.header.passed
    truth = np.array([place.joints.low_rad, place.joints.high_rad]).T
    found = np.array([(joint.range_min_rad, joint.range_max_rad) for joint in record.joints])
    assert np.abs(found - truth).max() < 1.5 * RAD_PER_TICK


def interrupting(at: int) -> Callable[[int], None]:
    """Return who presses Ctrl-C at one request."""

    def press(number: int) -> None:
        if number == at:
            raise KeyboardInterrupt

    return press


@pytest.mark.parametrize("family", ["feetech", pytest.param("dynamixel", marks=pytest.mark.slow)])
def test_given_up_at_any_request_servos_and_record_are_as_before(family: str, tmp_path: Path) -> None:
    place = arm(tmp_path, family=family)
    assert calibrate(place) == program.PASSED
    n_requests = len(place.operator.requests)
    assert n_requests == 1 + 1 + N_JOINTS + 2
    before, record, limp = memory(place), tree(tmp_path), place.joints.torque.copy()
    for at in (0, 1, 2, 1 + N_JOINTS, n_requests - 2, n_requests - 1):
        place.operator.requests.clear()
        place.operator.at_request = interrupting(at)
        with pytest.raises(KeyboardInterrupt):
            calibrate(place)
        assert memory(place) == before, place.operator.requests[-1]
        assert tree(tmp_path) == record
        assert (place.joints.torque == limp).all()


def test_an_arm_that_was_held_is_held_again(tmp_path: Path) -> None:
    place = arm(tmp_path)
    held = place.workplace.make_arm(
        with_homes(place.workplace.robot.arm, true_homes(place.joints.mounting, 4096).tolist())
    )
    held.open()
    held.hold()
    held.close()
    place.operator.at_request = interrupting(1)  # after the arm was let go
    robot = replace(place.workplace.robot, arm=with_homes(place.workplace.robot.arm, true_homes(WELL, 4096).tolist()))
    with pytest.raises(KeyboardInterrupt):
        program.run(replace(place.workplace, robot=robot), defaults())
    assert place.joints.torque.all()
    place.operator.requests.clear()
    place.operator.at_request = lambda _number: None
    assert program.run(replace(place.workplace, robot=robot), defaults()) == program.PASSED
    assert place.joints.torque.all()
    assert "held again" in place.operator.said


def test_a_motion_that_is_interrupted_gives_the_old_offsets_back(tmp_path: Path) -> None:
    place = arm(tmp_path)

    def press(what: str) -> None:
        if what == "moving elbow_flex":
            assert place.joints.torque.all()
            assert any(offset != 0 for offset in offsets_in(place))
            raise KeyboardInterrupt

    place.operator.at_progress = press
    with pytest.raises(KeyboardInterrupt):
        calibrate(place)
    assert offsets(place) == [0] * N_JOINTS
    assert not place.joints.torque.any()
    assert not place.workplace.records.exists()


def test_a_joint_that_does_not_move_as_told_is_found_and_nothing_is_kept(tmp_path: Path) -> None:
    place = arm(tmp_path)
    place.joints.stuck[2] = True
    assert calibrate(place) == program.FAILED
    assert "commanded motion, off (elbow_flex)" in place.operator.said
    assert offsets(place) == [0] * N_JOINTS
    assert not place.joints.torque.any()
    assert not place.workplace.records.exists()


def test_a_lost_bus_leaves_no_record_and_the_servos_as_they_were(tmp_path: Path) -> None:
    place = arm(tmp_path)
    before = memory(place)
    line = cast("ServoLine[Any, Any]", place.bus)
    place.operator.at_request = lambda number: line.faults.silent_ids.add(3) if number == 3 else None
    with pytest.raises(BusTimeoutError, match="elbow_flex"):
        calibrate(place)
    assert memory(place) == before
    assert not place.workplace.records.exists()


def test_a_direction_that_the_robot_file_has_wrong_is_found_before_anything_moves(tmp_path: Path) -> None:
    place = arm(tmp_path)
    wrong = list(place.workplace.robot.arm.joints)
    wrong[1] = replace(cast("Any", wrong[1]), direction=-wrong[1].direction)
    robot = replace(place.workplace.robot, arm=replace(cast("Any", place.workplace.robot.arm), joints=tuple(wrong)))
    assert program.run(replace(place.workplace, robot=robot), defaults()) == program.FAILED
    assert "joints that count the other way (shoulder_lift)" in place.operator.said
    assert "arm-moves" not in place.operator.requests
    assert offsets(place) == [0] * N_JOINTS


def test_a_seam_inside_the_travel_is_refused_where_servos_are_to_be_left_alone(tmp_path: Path) -> None:
    place = arm(tmp_path, CROSSING, offsets="record")
    before = memory(place)
    with pytest.raises(RefusedError, match=r'shoulder_pan: .* inside its travel .* set offsets = "eeprom"'):
        calibrate(place)
    assert memory(place) == before


def test_where_the_seam_is_out_of_the_way_servos_are_left_alone(tmp_path: Path) -> None:
    place = arm(tmp_path, offsets="record")
    assert calibrate(place) == program.PASSED
    assert offsets(place) == [0] * N_JOINTS
    assert record_of(place).offsets == "record"


def test_a_dynamixel_whose_seam_no_offset_moves_is_to_be_mounted_anew(tmp_path: Path) -> None:
    place = arm(tmp_path, CROSSING, "dynamixel")
    with pytest.raises(RefusedError, match=r"shoulder_pan: .* no homing offset moves .* take its horn off"):
        calibrate(place)


@pytest.mark.parametrize("known", [True, False])
def test_a_joint_that_turns_freely_takes_its_zero_from_where_it_is_held(tmp_path: Path, known: bool) -> None:  # noqa: FBT001
    place = arm(tmp_path)
    place.joints.low_rad[4], place.joints.high_rad[4] = -4.5, 4.5
    assert (
        calibrate(place, *(["--no-stops", "wrist_roll"] if known else []), "--pose", "wrist_roll=30") == program.PASSED
    )
    # It was held at 0, and said to be at 30 degrees.
    error_rad = (record_of(place).joints[4].home - true_homes(WELL, 4096)[4]) * RAD_PER_TICK * WELL.direction[4]
    assert error_rad == pytest.approx(-math.radians(30), abs=RAD_PER_TICK)
    assert "hold-pose" in place.operator.requests
    low, high = record_of(place).joints[4].range_min_rad, record_of(place).joints[4].range_max_rad
    assert (low, high) == (-2.74, 2.84)


@pytest.mark.parametrize(
    "family", ["damiao", *(pytest.param(family, marks=pytest.mark.slow) for family in ("odrive", "cia402"))]
)
def test_motors_without_offsets_of_their_own_are_calibrated_the_same_way(family: str, tmp_path: Path) -> None:
    place = arm(tmp_path, family=family)
    designed = np.array(homes(place.workplace.robot.arm))
    assert calibrate(place) == program.PASSED
    record = record_of(place)
    found = with_homes(place.workplace.robot.arm, [joint.home for joint in record.joints])
    assert np.abs(np.array(homes(found)) - designed).max() > 0.1
    driven = place.workplace.make_arm(found)
    assert np.abs(driven.open().position_rad - place.joints.position_now_rad).max() < math.radians(0.1)


def test_an_unknown_joint_or_angle_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    place = arm(tmp_path)
    with pytest.raises(RefusedError, match="there is no joint 'elbow'"):
        calibrate(place, "--no-stops", "elbow")
    with pytest.raises(RefusedError, match="expected JOINT=DEGREES"):
        calibrate(place, "--pose", "elbow_flex=up")
    assert place.operator.requests == []


def defaults() -> argparse.Namespace:
    """Return what is asked for where nothing is said."""
    parser = argparse.ArgumentParser()
    program.add_arguments(parser)
    return parser.parse_args([])


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def offsets_in(place: ArmInHand) -> list[int]:
    """Return the homing offsets in the servos, looked up where nobody sends."""
    assert isinstance(place.bus, ServoBus)
    return [int.from_bytes(servo.read(31, 2), "little") for servo in place.bus.servos]
