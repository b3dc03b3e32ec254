"""Homing offsets in the servos' own memory: written for as long as it takes to prove them, and back unless a record names them."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType

import numpy as np

from calibration.joints.motors import ServoMotors
from calibration.joints.seam import MARGIN_RAD, Span, best_offset, margin_ticks
from calibration.joints.zero import JointMeasured
from calibration.session.person import Operator
from drivers.homing import ServoHoming, Ticks
from interfaces.errors import DeviceError, RefusedError

PRESSED_MAX = 5  # so often Ctrl-C may be pressed while the old offsets are written back


@dataclass(frozen=True, slots=True, kw_only=True)
class SeamPlan:
    """Which homing offsets the servos are to keep, and how far the seam is then from each joint's travel."""

    offsets: Ticks
    margins_rad: tuple[float, ...]


def plan_seams(motors: ServoMotors, measured: Sequence[JointMeasured], *, write: bool) -> SeamPlan:
    """Return the offsets to write, or, without `write`, those that the servos keep.

    Raises RefusedError where the seam would lie inside a joint's travel, saying why and what helps.
    """
    rule = motors.rule
    spans = [_span(each, moves_seam=rule.moves_seam) for each in measured]
    offsets = np.array([best_offset(span, rule) for span in spans], np.int64) if write else motors.offsets()
    shifts = motors.servos.homes_with(offsets)
    margins = [margin_ticks(span, int(shift), rule) for span, shift in zip(spans, shifts, strict=True)]
    margins_rad = tuple(margin * motors.rad_per_count for margin in margins)
    for each, span, margin_rad in zip(measured, spans, margins_rad, strict=True):
        if margin_rad < MARGIN_RAD:
            raise RefusedError(_reason(each.joint.name, span, math.degrees(margin_rad), motors, write=write))
    return SeamPlan(offsets=offsets, margins_rad=margins_rad)


class OffsetsWritten:
    """A context in which the servos keep other homing offsets; they get the old ones back at its end, see `keep_where`."""

    def __init__(self, servos: ServoHoming, offsets: Ticks, operator: Operator) -> None:
        """`servos` are closed before and between."""
        self._servos = servos
        self._offsets = offsets
        self._operator = operator
        self._before: Ticks | None = None
        self._is_saved: Callable[[], bool] = lambda: False

    def keep_where(self, is_saved: Callable[[], bool]) -> None:
        """Leave the new ones in the servos where, at the end, there is a record of them: whatever Ctrl-C came in between."""
        self._is_saved = is_saved

    def __enter__(self) -> OffsetsWritten:
        """Write them, and read them back; raises what `write_offsets` does, with the old ones in the servos again."""
        try:
            self._write(self._offsets)
        except BaseException:
            self._put_back()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Put the old ones back, unless a record says that the new ones proved good."""
        if not self._is_saved():
            self._put_back()

    def _put_back(self) -> None:
        if self._before is None:
            return
        try:
            self._write_at_last(self._before)
        except (DeviceError, RefusedError) as error:
            # An angle is the same with either offset, for a home is a bare count: what may be wrong is where the seam lies.
            self._operator.say(f"[red]The servos' old homing offsets could not be written back:[/] {error}")

    def _write_at_last(self, offsets: Ticks) -> None:
        """Write them though Ctrl-C is pressed again and again."""
        for _ in range(PRESSED_MAX):
            with contextlib.suppress(KeyboardInterrupt):
                self._write(offsets)
                return
        self._write(offsets)

    def _write(self, offsets: Ticks) -> None:
        servos = self._servos
        servos.open()
        try:
            before = np.array([motor.homing_offset for motor in servos.identity()], np.int64)
            if self._before is None:
                self._before = before
            if (before != offsets).any():
                servos.release()
                servos.write_offsets(offsets)
        finally:
            servos.close()


def _span(measured: JointMeasured, *, moves_seam: bool) -> Span:
    """Return what is to be free of the seam: the travel between the stops, the robot file's limits, and, for a modulo's sake, 0."""
    joint = measured.joint
    angles_rad = [*measured.range_rad, joint.position_min_rad, joint.position_max_rad, *([0.0] if moves_seam else [])]
    ends = [measured.counts(angle_rad) for angle_rad in angles_rad]
    return Span(min(ends), max(ends))


def _reason(name: str, span: Span, margin_deg: float, motors: ServoMotors, *, write: bool) -> str:
    width_deg, room_deg = math.degrees(span.width * motors.rad_per_count), 360 - 2 * math.degrees(MARGIN_RAD)
    where = "inside" if margin_deg < 0 else f"{margin_deg:.1f} degrees beside"
    found = f"{name}: the encoder's seam lies {where} its travel of {width_deg:.0f} degrees"
    if width_deg > room_deg:
        return (
            f"{found}, which is more than one turn has room for ({room_deg:.0f}); narrow its limits in the robot file"
        )
    rule = motors.rule
    horn = (
        f"take its horn off, and put it back so that the count is about {rule.ticks_per_turn // 2} in the middle of the"
        f" travel (it is {(span.low_ticks + span.high_ticks) / 2 % rule.ticks_per_turn:.0f})"
    )
    if not rule.moves_seam:
        return f"{found}, and no homing offset moves the seam of this servo; {horn}"
    if not write:
        return (
            f'{found} with the homing offset that its servo keeps; set offsets = "eeprom" in [calibration] of the robot'
            " file, and a better one is written"
        )
    return f"{found}, and no homing offset up to {rule.offset_max_ticks} moves it out; {horn}"
