"""What the operator sees: the sweep while it goes on, one joint's side, and what was found. Angles in degrees."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.table import Table

from calibration.joints.zero import JointMeasured
from interfaces.calibration.record import Check
from interfaces.device_facts import MotorIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRow:
    """One joint during the sweep."""

    name: str
    now_rad: float
    lowest_rad: float
    highest_rad: float
    expected_rad: float | None  # from stop to stop; None where it turns freely
    missing_rad: float
    n_visits: tuple[int, int]  # of the two stops
    is_complete: bool


def identity_table(motors: Sequence[MotorIdentity]) -> Table:
    """Return which motors these are."""
    table = _table("joint", "id", "model", "serial", "firmware", "homing offset")
    for motor in motors:
        serial, firmware = motor.serial or "-", motor.firmware or "-"
        table.add_row(motor.joint, str(motor.motor_id), motor.model, serial, firmware, str(motor.homing_offset))
    return table


def sweep_table(rows: Sequence[SweepRow]) -> Table:
    """Return the living table of the sweep."""
    table = _table("joint", "now", "lowest", "highest", "width", "of", "visits", "missing")
    for row in rows:
        expected = "-" if row.expected_rad is None else _degrees(row.expected_rad)
        visits = "-" if row.expected_rad is None else f"{row.n_visits[0]} + {row.n_visits[1]}"
        table.add_row(
            row.name,
            _degrees(row.now_rad),
            _degrees(row.lowest_rad),
            _degrees(row.highest_rad),
            _degrees(row.highest_rad - row.lowest_rad),
            expected,
            visits,
            _missing(row),
        )
    return table


def _missing(row: SweepRow) -> str:
    if row.expected_rad is None:
        return "turns freely"
    if row.is_complete:
        twice = min(row.n_visits) > 1
        return "[green]done[/]" if twice else "[green]done[/], once"
    if not any(row.n_visits) and row.missing_rad > 0.9 * row.expected_rad:
        return "[yellow]move it[/]"
    if row.missing_rad > math.radians(3.0):
        return f"[yellow]{_degrees(row.missing_rad)} to go[/]"
    return "[yellow]wait at its stops[/]"


def side_table(name: str, positive: str, off_middle_rad: float | None, turned_rad: float) -> Table:
    """Return where a joint that is turned to its positive side stands now, as the robot file's direction has it."""
    table = _table("joint", "to be moved", "taken to be")
    if off_middle_rad is None:
        seen, sign = f"turned by {_degrees(turned_rad)}", turned_rad
    else:
        seen, sign = f"{_degrees(off_middle_rad)} off its middle", off_middle_rad
    side = "[green]positive[/]" if sign > 0 else "[red]negative[/]"
    table.add_row(name, positive, f"{seen}: {side}")
    return table


def found_table(found: Sequence[JointMeasured], homes: Sequence[float], margins_rad: Sequence[float | None]) -> Table:
    """Return what was found of every joint, beside the robot file."""
    table = _table("joint", "zero at", "range", "robot file", "width off", "repeats", "to seam")
    for joint, home, margin_rad in zip(found, homes, margins_rad, strict=True):
        low, high = joint.range_rad
        limits = joint.joint
        table.add_row(
            joint.joint.name,
            f"{home:.2f}",
            f"{_degrees(low)}..{_degrees(high)}",
            f"{_whole(limits.position_min_rad)}..{_whole(limits.position_max_rad)}",
            "free" if joint.stops_rad is None else f"{math.degrees(joint.width_error_rad):+.1f}",
            "-" if math.isnan(joint.repeatability_rad) else f"{math.degrees(joint.repeatability_rad):.2f}",
            "-" if margin_rad is None else _degrees(margin_rad),
        )
    return table


def check_table(checks: Sequence[Check]) -> Table:
    """Return what the calibration is judged by."""
    table = _table("check", "found", "at most", "")
    for check in checks:
        verdict = "[green]passed[/]" if check.passed else "[red]failed[/]"
        table.add_row(check.name, f"{check.value:.2f} {check.unit}", f"{check.limit:.2f} {check.unit}", verdict)
    return table


def _table(*columns: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)  # fits into 80 columns
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i in {0, len(columns) - 1} else "right", no_wrap=i == 0)
    return table


def _whole(angle_rad: float) -> str:
    return f"{math.degrees(angle_rad):.0f}"


def _degrees(angle_rad: float) -> str:
    return f"{math.degrees(angle_rad):.1f}"
