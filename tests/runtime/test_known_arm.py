"""An arm opens only with the motors that were calibrated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.record_rig import NOW, RecordRig
from drivers.arm import Arm
from interfaces.device_facts import MotorIdentity
from interfaces.errors import BusTimeoutError, CalibrationError
from interfaces.messages import JointState, JointVector
from runtime.calibrated_robot import load_calibrated
from runtime.command.guarded_arm import GuardedArm
from runtime.known_arm import KnownArm, known_arm

POSE = np.zeros(6)
JOINTS = JointState(
    t_measured_ns=0, position_rad=POSE, velocity_rad_s=POSE, effort_ratio=POSE, voltage_v=POSE, temperature_degc=POSE
)


class FakeArm:
    """An arm that says which motors it has, and notes what is asked of it."""

    def __init__(self, motors: tuple[MotorIdentity, ...]) -> None:
        self.motors = motors
        self.calls: list[str] = []

    def open(self) -> JointState:
        self.calls.append("open")
        return JOINTS

    def identity(self) -> tuple[MotorIdentity, ...]:
        self.calls.append("identity")
        return self.motors

    def torque(self) -> tuple[bool, ...]:
        self.calls.append("torque")
        return (True,) * 6

    def hold(self) -> JointState:
        self.calls.append("hold")
        return JOINTS

    def exchange(self, position_rad: JointVector) -> JointState:
        assert position_rad is POSE
        self.calls.append("exchange")
        return JOINTS

    def read(self) -> JointState:
        self.calls.append("read")
        return JOINTS

    def release(self) -> None:
        self.calls.append("release")

    def close(self) -> None:
        self.calls.append("close")


@pytest.fixture
def rig(tmp_path: Path) -> RecordRig:
    """A robot with a joints record."""
    rig = RecordRig(tmp_path)
    rig.save(rig.joints())
    return rig


@pytest.fixture
def fake(rig: RecordRig) -> FakeArm:
    """The very arm."""
    return FakeArm(rig.arm().motors)


@pytest.fixture
def arm(rig: RecordRig, fake: FakeArm) -> Arm:
    """The arm, known."""
    return known_arm(fake, load_calibrated(rig.robot_file, now=NOW))


def test_the_arm_that_was_calibrated_opens_and_obeys(arm: Arm, fake: FakeArm) -> None:
    assert isinstance(arm, KnownArm)
    assert arm.open() is JOINTS
    assert arm.identity() == fake.motors
    assert arm.torque() == (True,) * 6
    assert arm.hold() is arm.exchange(POSE) is arm.read() is JOINTS
    arm.release()
    arm.close()
    assert fake.calls == ["open", *["identity"] * 2, "torque", "hold", "exchange", "read", "release", "close"]


def test_nothing_is_asked_in_a_cycle_but_the_cycle(arm: Arm, fake: FakeArm) -> None:
    arm.open()
    fake.calls.clear()
    for _ in range(3):
        arm.exchange(POSE)
    assert fake.calls == ["exchange"] * 3


def other(motors: tuple[MotorIdentity, ...], **changes: object) -> tuple[MotorIdentity, ...]:
    return (motors[0], replace(motors[1], **changes), *motors[2:])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": "STS3250"}, "shoulder_lift was calibrated with model STS3215, this one has STS3250"),
        ({"motor_id": 9}, "with id 2, this one has 9"),
        ({"joint": "elbow"}, "with joint shoulder_lift, this one has elbow"),
        ({"homing_offset": 85}, "kept a homing offset of 0 when it was calibrated, and keeps 85 now"),
    ],
)
def test_another_motor_is_refused_and_the_bus_closed(
    rig: RecordRig, arm: Arm, fake: FakeArm, changes: dict[str, object], says: str
) -> None:
    fake.motors = other(fake.motors, **changes)
    with pytest.raises(CalibrationError) as caught:
        arm.open()
    assert says in str(caught.value)
    assert str(caught.value).startswith(str(rig.store.path("joints")))
    assert str(caught.value).endswith(f"forerun calibrate joints {rig.robot_file}")
    assert fake.calls[-1] == "close"


def test_an_arm_with_fewer_motors_is_refused(arm: Arm, fake: FakeArm) -> None:
    fake.motors = fake.motors[:5]
    with pytest.raises(CalibrationError, match="6 motors were calibrated, 5 are there"):
        arm.open()


def test_serial_numbers_count_where_both_sides_tell_them(rig: RecordRig, fake: FakeArm) -> None:
    numbered = replace(rig.arm(), motors=tuple(replace(motor, serial="A1") for motor in rig.arm().motors))
    rig.save(replace(rig.joints(), arm=numbered))
    arm = known_arm(fake, load_calibrated(rig.robot_file, now=NOW))
    arm.open()
    fake.motors = other(numbered.motors, serial="B2")
    with pytest.raises(CalibrationError, match="serial number A1, this one has B2"):
        arm.open()


def test_new_firmware_is_no_other_motor(arm: Arm, fake: FakeArm) -> None:
    fake.motors = other(fake.motors, firmware="3.10")
    arm.open()


def test_a_robot_without_a_joints_record_takes_any_arm(tmp_path: Path, fake: FakeArm) -> None:
    (tmp_path / "bare").mkdir()
    bare = RecordRig(tmp_path / "bare", require=())
    assert known_arm(fake, load_calibrated(bare.robot_file, now=NOW)) is fake


def test_an_arm_swapped_while_the_bus_was_lost_ends_the_command_process(arm: Arm, fake: FakeArm) -> None:
    guarded = GuardedArm(arm, error_budget=1)
    assert guarded.reopen(0) is JOINTS

    def silent(position_rad: JointVector) -> JointState:
        raise BusTimeoutError(f"no answer to {position_rad}")

    fake.exchange = silent
    assert guarded.exchange(POSE) is None
    assert guarded.lost
    fake.motors = other(fake.motors, homing_offset=-3)
    with pytest.raises(CalibrationError, match="another motor"):
        guarded.reopen(10_000_000_000)
    assert fake.calls[-1] == "close"
