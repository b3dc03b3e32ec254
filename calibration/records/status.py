"""All calibration records of a robot: how good, how old, and which command makes what is missing.

Exit status: 0 where every record that the robot file requires is good, else 1.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from calibration.session.workplace import Workplace
from interfaces.calibration.record import Check
from runtime.calibrated_robot import older_than_joints
from runtime.record_findings import Finding, examine, made_at

SOON_DAYS = 14.0
_COLOURS = {"good": "green", "missing": "red", "not required": "dim"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", action="store_true", help="for programs, to standard output")


def run(workplace: Workplace, arguments: argparse.Namespace) -> int:
    """Show the table; raises RefusedError for a robot file without a table [calibration]."""
    days_max = workplace.calibration.max_age_days
    now = datetime.now(timezone.utc)
    findings = examine(arguments.robot, workplace.robot, now)
    if arguments.json:
        sys.stdout.write(json.dumps([as_json(finding, now) for finding in findings], indent=2) + "\n")
    else:
        workplace.operator.say(overview(findings, now, days_max))
        remedies, strangers = _remedies(findings), _strangers(workplace.records, findings)
        for line in (*remedies, _verdict(findings), *_optional(findings), *strangers):
            workplace.operator.say(Text(line))
    return 1 if any(finding.refused for finding in findings) else 0


def overview(findings: Sequence[Finding], now: datetime, days_max: float) -> Table:
    """Return the table."""
    table = Table()
    for column in ("record", "state", "age", "operator", "worst check"):
        table.add_column(column)
    for finding in findings:
        state = state_of(finding)
        cells = [Text(_name(finding)), Text(state, _COLOURS.get(state, "red" if finding.refused else "yellow"))]
        header = finding.record.header if finding.record else None
        worst = _worst(header.checks) if header else ""
        table.add_row(*cells, _age(finding, now, days_max), Text(header.operator if header else ""), Text(worst))
    return table


def state_of(finding: Finding) -> str:
    """Return the state in words for the table."""
    optional = not finding.required and not finding.refused
    if optional and finding.state == "missing":
        return "not required"
    return f"{finding.state}, not used" if optional and finding.state != "good" else finding.state


def as_json(finding: Finding, now: datetime) -> dict[str, Any]:
    """Return the same for programs."""
    header = finding.record.header if finding.record else None
    checks = header.checks if header else ()
    return {
        "kind": finding.place.kind,
        "subject": finding.place.subject,
        "state": finding.state,
        "required": finding.required,
        "refused": finding.refused,
        "file": str(finding.place.path),
        "created": header.created if header else None,
        "age_days": _age_days(finding, now),
        "operator": header.operator if header else None,
        "checks": [
            {"name": c.name, "value": _finite(c.value), "limit": _finite(c.limit), "unit": c.unit, "passed": c.passed}
            for c in checks
        ],
        "why": finding.why,
        "command": finding.place.command,
    }


def _name(finding: Finding) -> str:
    return f"{finding.place.kind} {finding.place.subject}".strip()


def _age_days(finding: Finding, now: datetime) -> float | None:
    if finding.record is None:
        return None
    try:
        return round((now - made_at(finding.record)).total_seconds() / 86400, 2)
    except ValueError:
        return None


def _age(finding: Finding, now: datetime, days_max: float) -> str:
    days = _age_days(finding, now)
    if days is None:
        return ""
    age = f"{days:.0f} days" if days >= 2 else f"{days * 24:.0f} hours" if days * 24 >= 2 else "new"
    left = days_max - days
    return f"{age}, expires in {left:.0f}" if finding.state == "good" and left < SOON_DAYS else age


def _worst(checks: Sequence[Check]) -> str:
    """Return the check that comes nearest to its limit, or passes it farthest."""
    worst = max(checks, key=_share)
    return f"{worst.name} {worst.value:.3g} of {worst.limit:.3g} {worst.unit}".rstrip()


def _share(check: Check) -> float:
    if check.limit > 0 and math.isfinite(check.value):
        return check.value / check.limit
    return 0.0 if check.passed else math.inf


def _remedies(findings: Sequence[Finding]) -> list[str]:
    """Return what is wrong with each, and the command that mends it on a line of its own, there to be copied."""
    lines: list[str] = []
    for finding in findings:
        if finding.refused or finding.state not in {"good", "missing"}:
            command = finding.place.command
            lines += [finding.why.removesuffix(f"; make a new one: {command}"), f"    {command}"]
    return lines + [warning.text for warning in older_than_joints(findings)]


def _optional(findings: Sequence[Finding]) -> list[str]:
    """Return the commands for what is missing and not required."""
    missing = [finding.place.command for finding in findings if finding.state == "missing" and not finding.refused]
    return ["may be made, and is not required:", *(f"    {command}" for command in missing)] if missing else []


def _strangers(folder: Path, findings: Sequence[Finding]) -> list[str]:
    """Name the records in the folder that are none of this robot file: of a camera that it has no more."""
    known = {finding.place.path.name for finding in findings}
    others = sorted(path.name for path in folder.glob("*.toml") if path.name not in known)
    return [f"also there, of no use to this robot file: {', '.join(others)}"] if others else []


def _verdict(findings: Sequence[Finding]) -> str:
    refused = any(finding.refused for finding in findings)
    return "the robot does not move before that is mended" if refused else "the robot may move"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
