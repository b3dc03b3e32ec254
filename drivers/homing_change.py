"""Homing offsets into several servos: all of them, or none. What a failure left is named, servo by servo.

The family says how one servo is read and written (drivers/feetech/homing.py, drivers/dynamixel/homing.py). It is written with
its position limits, which count from the homing offset too, and are widened to a whole turn: the robot file has the limits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from drivers.homing import Ticks
from interfaces.errors import DeviceError, DeviceLostError, ForerunError, RefusedError

UNDO_ATTEMPTS = 10  # each as patient as the bus; a servo whose power was cut is back within a second


@dataclass(frozen=True, slots=True, kw_only=True)
class HomingSettings:
    """What one servo keeps in its EEPROM about where it counts from; all in ticks."""

    offset: int
    position_min: int
    position_max: int


class HomedServo(Protocol):
    """One servo; errors as of drivers/arm.py."""

    @property
    def name(self) -> str:
        """Return how errors call it."""
        ...

    def read(self) -> HomingSettings:
        """Return what it keeps now."""
        ...

    def write(self, settings: HomingSettings) -> None:
        """Write what differs so that it outlasts the power, and read it back; torque is off."""
        ...


def require_offsets(names: Sequence[str], offsets: Ticks, offset_max: int) -> None:
    """Raise RefusedError unless there is one homing offset a servo, each at most `offset_max` either way."""
    if offsets.shape != (len(names),):
        raise RefusedError(f"{offsets.size} homing offsets for {len(names)} servos")
    for name, offset in zip(names, offsets.tolist(), strict=True):
        if abs(offset) > offset_max:
            raise RefusedError(f"{name}: a homing offset of {offset} ticks; it heeds {-offset_max} to {offset_max}")


def require_limp(names: Sequence[str], torque: Sequence[bool]) -> None:
    """Raise RefusedError naming the servos that drive."""
    driving = [name for name, drives in zip(names, torque, strict=True) if drives]
    if driving:
        raise RefusedError(f"{', '.join(driving)}: torque is on; a servo that counts anew while it drives would jump")


def change_all(servos: Mapping[HomedServo, HomingSettings]) -> None:
    """Write every servo's new settings, in order; where one fails, also by Ctrl-C, those begun get back what they had.

    Raises what went wrong, or, where a servo could not be given back what it had, DeviceError naming what each of those keeps.
    """
    before = {servo: servo.read() for servo in servos}
    begun: list[HomedServo] = []
    try:
        for servo, settings in servos.items():
            begun.append(servo)
            servo.write(settings)
    except BaseException as error:
        left = [
            _left(servo, before[servo], servos[servo]) for servo in reversed(begun) if not _undone(servo, before[servo])
        ]
        if left:
            kind = DeviceLostError if isinstance(error, DeviceLostError) else DeviceError
            raise kind(f"{error or type(error).__name__}; and not all is as it was: {'; '.join(left)}") from error
        raise


def _undone(servo: HomedServo, settings: HomingSettings) -> bool:
    """Return whether a servo has its settings back."""
    for _ in range(UNDO_ATTEMPTS):
        try:
            servo.write(settings)
        except DeviceLostError:
            return False
        except ForerunError:
            continue
        return True
    return False


def _left(servo: HomedServo, before: HomingSettings, wanted: HomingSettings) -> str:
    try:
        kept = str(servo.read().offset)
    except ForerunError:
        kept = f"{before.offset} or {wanted.offset}, it does not answer"
    return f"{servo.name} keeps a homing offset of {kept}; it had {before.offset}"
