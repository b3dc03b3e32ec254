"""What the driver finds in a servo, allows for, changes and refuses before it moves anything: in lockstep."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.arm_rigs.dynamixel import DynamixelRig, koch_arm
from bench.arm_rigs.trial import exchange
from drivers.dynamixel import registers
from drivers.dynamixel.registers import RAD_PER_TICK, Register
from interfaces.errors import DeviceError, RefusedError
from sim.dynamixel.emulator import EmulatedDynamixel

POSE_RAD = np.array([0.1, -0.2, 0.3, -0.4, 0.5, 0.6])


@pytest.fixture
def bench() -> DynamixelRig:
    return DynamixelRig(replace(koch_arm(), port="dynamixel-bus"))


def servo(bench: DynamixelRig, servo_id: int) -> EmulatedDynamixel:
    return bench.bus.servos[servo_id - 1]


def set_joint(bench: DynamixelRig, index: int, **changes: Any) -> None:
    joints = list(bench.config.joints)
    joints[index] = replace(joints[index], **changes)
    bench.arm = bench.arm_with(joints=tuple(joints))


@pytest.mark.parametrize("offset_ticks", [-700, 85, 1024])
def test_a_homing_offset_left_in_a_servo_changes_nothing(bench: DynamixelRig, offset_ticks: int) -> None:
    servo(bench, 4).save(registers.HOMING_OFFSET, offset_ticks)
    set_joint(bench, 3, position_min_rad=-0.5, position_max_rad=0.5)
    bench.motors.positions_rad[:] = POSE_RAD.tolist()
    assert bench.arm.open().position_rad == pytest.approx(POSE_RAD, abs=RAD_PER_TICK / 2)
    bench.arm.hold()
    exchange(bench, -POSE_RAD)
    assert bench.motors.positions_rad[3] == pytest.approx(0.4, abs=RAD_PER_TICK / 2)
    assert servo(bench, 4).get(registers.HOMING_OFFSET) == offset_ticks


def test_a_homing_offset_that_the_servo_ignores_is_ignored(bench: DynamixelRig) -> None:
    servo(bench, 4).save(registers.HOMING_OFFSET, 2000)
    bench.motors.positions_rad[:] = POSE_RAD.tolist()
    assert bench.arm.open().position_rad == pytest.approx(POSE_RAD, abs=RAD_PER_TICK / 2)


def test_travel_across_the_seam_is_refused(bench: DynamixelRig) -> None:
    servo(bench, 4).save(registers.HOMING_OFFSET, 1024)
    with pytest.raises(
        DeviceError, match=r"servo 4 \(wrist_flex\) on dynamixel-bus: its travel, \d+..4181 ticks, crosses"
    ):
        bench.arm.open()


def test_settings_are_saved_once_and_limits_only_widened(bench: DynamixelRig) -> None:
    first = servo(bench, 1)
    first.save(registers.POSITION_MIN, 1000)
    set_joint(bench, 0, effort_max_ratio=0.4)
    bench.arm.open()
    assert first.get(registers.GOAL_PWM) == 354
    assert first.get(registers.PROFILE_VELOCITY) == 0
    bench.bus.power_cycle()
    assert first.get(registers.RETURN_DELAY) == 0
    assert first.get(registers.POSITION_MIN) == 809  # -1.9 rad, beyond 1000, where goals would have been ignored
    assert first.get(registers.POSITION_MAX) == 4095  # wide enough: left alone


def test_a_profile_of_its_own_is_taken_away(bench: DynamixelRig) -> None:
    servo(bench, 3).save(registers.PROFILE_VELOCITY, 20)
    servo(bench, 3).save(registers.PROFILE_ACCELERATION, 5)
    bench.arm.open()
    bench.arm.hold()
    exchange(bench, POSE_RAD)
    assert bench.motors.positions_rad[2] == pytest.approx(0.3, abs=RAD_PER_TICK / 2)


def test_settings_of_a_servo_that_holds_are_not_forced(bench: DynamixelRig) -> None:
    servo(bench, 6).save(registers.TORQUE_ENABLE, 1)
    with pytest.raises(RefusedError, match=r"servo 6 \(gripper\) .* settings at 9 have to be changed, and it holds"):
        bench.arm.open()
    assert servo(bench, 6).get(registers.TORQUE_ENABLE) == 1
    servo(bench, 6).save(registers.RETURN_DELAY, 0)  # nothing to change: nothing to refuse
    bench.arm.open()


@pytest.mark.parametrize("level", [0, 1])
def test_a_servo_that_hardly_answers_is_made_to(bench: DynamixelRig, level: int) -> None:
    servo(bench, 2).save(registers.STATUS_LEVEL, level)
    bench.arm.open()
    assert servo(bench, 2).get(registers.STATUS_LEVEL) == 2


@pytest.mark.parametrize(
    ("register", "value", "why"),
    [
        (registers.MODEL_NUMBER, 350, r"is model 350; expected a Dynamixel of the X series"),
        (registers.OPERATING_MODE, 1, r"is in operating mode 1, velocity; expected 3, position"),
        (registers.OPERATING_MODE, 4, r"is in operating mode 4, extended position; expected 3"),
        (registers.DRIVE_MODE, 1, r"is reversed; clear bit 0 of its drive mode, and turn `direction`"),
        (registers.DRIVE_MODE, 2, r"is a slave of another servo"),
        (registers.DRIVE_MODE, 8, r"is switched on by any goal"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(
    bench: DynamixelRig, register: Register, value: int, why: str
) -> None:
    servo(bench, 5).save(register, value)
    with pytest.raises(DeviceError, match=rf"servo 5 \(wrist_roll\) on dynamixel-bus {why}"):
        bench.arm.open()


def test_a_profile_by_time_is_no_reason_to_refuse(bench: DynamixelRig) -> None:
    servo(bench, 5).save(registers.DRIVE_MODE, 4)
    bench.arm.open()
