"""The calibration records of a robot, as the runtime will judge them, judged before it is started."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from bench.doctor.check import Check, Verdict
from interfaces.errors import CalibrationError
from interfaces.robot_config import RobotConfig
from runtime.record_findings import Finding, examine, made_at

SOON = timedelta(days=14)  # a calibration takes an evening; this is time enough to plan it


def record_checks(robot_file: Path, robot: RobotConfig, now: datetime) -> list[Check]:
    """Return a check for each record that is there or required; none for a robot file without a table [calibration]."""
    try:
        findings = examine(robot_file, robot, now)
    except CalibrationError as error:
        return [_check("calibration", str(error), Verdict.BAD, "")]
    days = robot.calibration.max_age_days if robot.calibration else 0.0
    shown = [finding for finding in findings if finding.required or finding.state != "missing"]
    return [_judged(finding, now, timedelta(days=days)) for finding in shown]


def _judged(finding: Finding, now: datetime, age_max: timedelta) -> Check:
    name = f"calibration: {finding.place.kind.replace('_', '-')} {finding.place.subject}".strip()
    if finding.state != "good" or finding.record is None:
        command = finding.place.command
        why = finding.why.removesuffix(f"; make a new one: {command}")
        return _check(name, why, Verdict.BAD if finding.refused else Verdict.WEAK, command)
    left = age_max - (now - made_at(finding.record))
    value = f"made {finding.record.header.created[:10]}, good for {left.days} more days"
    return _check(name, value, Verdict.WEAK if left < SOON else Verdict.GOOD, f"in time: {finding.place.command}")


def _check(name: str, value: str, verdict: Verdict, remedy: str) -> Check:
    return Check(
        name=name, value=value, limit="there, whole, passed, of this robot, not expired", verdict=verdict, remedy=remedy
    )
