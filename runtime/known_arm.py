"""An arm that must be the one that was calibrated: looked at whenever it is opened, not in between."""

from __future__ import annotations

from drivers.arm import Arm
from interfaces.calibration.joints import JointsRecord
from interfaces.calibration.record_file import RecordPlace
from interfaces.device_facts import MotorIdentity
from interfaces.messages import JointState, JointVector
from runtime.calibrated_robot import CalibratedRobot


class KnownArm:
    """Opens only with the motors of its joints record: swapped ones, and ones that were given other homing offsets, are refused."""

    def __init__(self, arm: Arm, record: JointsRecord, place: RecordPlace) -> None:
        """Expect the motors of `record`; `place` is where it is, for the message."""
        self._arm = arm
        self._record = record
        self._place = place

    def open(self) -> JointState:
        """Open the arm; raises CalibrationError, the bus closed again, where it is not the one that was calibrated."""
        state = self._arm.open()
        why = why_other_motors(self._record.arm.motors, self._arm.identity())
        if why:
            self._arm.close()
            raise self._place.refusal(why)
        return state

    def identity(self) -> tuple[MotorIdentity, ...]:
        """Return which motors these are."""
        return self._arm.identity()

    def torque(self) -> tuple[bool, ...]:
        """Ask each motor whether it drives."""
        return self._arm.torque()

    def hold(self) -> JointState:
        """Enable torque, and return the measured pose."""
        return self._arm.hold()

    def exchange(self, position_rad: JointVector) -> JointState:
        """Send the targets and return the measured joints."""
        return self._arm.exchange(position_rad)

    def read(self) -> JointState:
        """Return the measured joints."""
        return self._arm.read()

    def release(self) -> None:
        """Disable torque."""
        self._arm.release()

    def close(self) -> None:
        """Close the bus."""
        self._arm.close()


def known_arm(arm: Arm, calibrated: CalibratedRobot) -> Arm:
    """Return the arm, to be opened only as the one of its joints record, where there is one."""
    record = calibrated.records.get(("joints", ""))
    if not isinstance(record, JointsRecord):
        return arm
    return KnownArm(arm, record, calibrated.place("joints"))


def why_other_motors(calibrated: tuple[MotorIdentity, ...], found: tuple[MotorIdentity, ...]) -> str:
    """Return how the motors differ from those that were calibrated; empty where they do not.

    A model or serial number that one side does not tell says nothing; firmware may be renewed.
    """
    if len(calibrated) != len(found):
        return f"{len(calibrated)} motors were calibrated, {len(found)} are there"
    reasons = [_why_other(was, now) for was, now in zip(calibrated, found, strict=True)]
    return next(filter(None, reasons), "")


def _why_other(was: MotorIdentity, now: MotorIdentity) -> str:
    for what, before, found in (
        ("joint", was.joint, now.joint),
        ("id", was.motor_id, now.motor_id),
        ("model", was.model, now.model),
        ("serial number", was.serial, now.serial),
    ):
        if before and found and before != found:
            return f"the motor of {was.joint} was calibrated with {what} {before}, this one has {found}: another arm, or another motor"
    if was.homing_offset != now.homing_offset:
        return (
            f"the motor of {was.joint} kept a homing offset of {was.homing_offset} when it was calibrated, and keeps"
            f" {now.homing_offset} now: another motor, or another program calibrated it since"
        )
    return ""
