"""The doctor's table for people, and the same for programs. The format for programs: docs/robot/doctor.md."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.doctor.check import Check, Group, Verdict, all_checks
from interfaces.durable import write_whole
from interfaces.errors import RefusedError

FORMAT = 2
_WORDS = {Verdict.GOOD: "good", Verdict.UNKNOWN: "-", Verdict.WEAK: "weak", Verdict.BAD: "BAD"}
_NAMED_MAX = 4
_VALUE_MAX = 80  # characters of a value in the conclusion


def table(title: str, groups: Sequence[Group]) -> str:
    """Return the table: a heading a group, a line a check, and below it what to do where it is not good."""
    shown = [group for group in groups if group.checks]
    width = max((len(check.name) for check in all_checks(list(shown))), default=0)
    lines = [title]
    for group in shown:
        lines.append(f"\n{group.title} ({group.name})")
        for check in group.checks:
            lines.append(f"  {_WORDS[check.verdict]:<5} {check.name:<{width}}  {_line(check.value)}".rstrip())
            if check.verdict > Verdict.UNKNOWN:
                lines.append(f"  {'':<5} {'':<{width}}  limit: {check.limit}; {_line(check.remedy)}")
    left_out = [group.left_out for group in groups if group.left_out]
    return "\n".join([*lines, "", *([f"left out: {', '.join(left_out)}"] if left_out else [])])


def conclusion(groups: Sequence[Group]) -> str:
    """Return the verdict on all of it, in one line; the worst are named first."""
    checks = list(all_checks(list(groups)))
    counts = {verdict: sum(check.verdict is verdict for check in checks) for verdict in Verdict}
    worst = "not fit" if counts[Verdict.BAD] else "fit, with weak spots" if counts[Verdict.WEAK] else "fit"
    told = (
        f"verdict: {worst} ({counts[Verdict.BAD]} bad, {counts[Verdict.WEAK]} weak, {counts[Verdict.GOOD]} good,"
        f" {counts[Verdict.UNKNOWN]} not readable here)"
    )
    parts = [_named("BAD", checks, Verdict.BAD), _named("weak", checks, Verdict.WEAK)]
    return "; ".join([told, *filter(None, parts)])


def findings_json(title: str, groups: Sequence[Group]) -> str:
    """Return title and checks as JSON. A figure that is no number is null."""
    checks = list(all_checks(list(groups)))
    worst = max((check.verdict for check in checks), default=Verdict.GOOD)
    found: dict[str, Any] = {
        "format": FORMAT,
        "title": title,
        "verdict": worst.name.lower(),
        "conclusion": conclusion(groups),
        "checks": [_row(group, check) for group in groups for check in group.checks],
        "left_out": {group.name: group.left_out for group in groups if group.left_out},
    }
    return json.dumps(found, indent=2)


def write_json(path: Path, title: str, groups: Sequence[Group]) -> None:
    """Write title and checks to `path`; the file appears whole or not at all. Raises RefusedError where it cannot be written."""
    try:
        write_whole(path, (findings_json(title, groups) + "\n").encode())
    except OSError as error:
        raise RefusedError(f"{path}: cannot be written: {error.strerror}") from error


def _row(group: Group, check: Check) -> dict[str, Any]:
    return {
        "group": group.name,
        "name": check.name,
        "verdict": check.verdict.name.lower(),
        "value": check.value,
        "limit": check.limit,
        "remedy": check.remedy if check.verdict > Verdict.UNKNOWN else "",
        "figures": {key: value if math.isfinite(value) else None for key, value in check.figures.items()},
    }


def _named(word: str, checks: Sequence[Check], verdict: Verdict) -> str:
    """Return "BAD: CAN state (BUS-OFF), date (1970-01-01)": the first ones, which matter most."""
    ones = [check for check in checks if check.verdict is verdict]
    named = [f"{check.name} ({_short(check.value)})" if verdict is Verdict.BAD else check.name for check in ones]
    more = [f"{len(named) - _NAMED_MAX} more"] if len(named) > _NAMED_MAX else []
    return f"{word}: {', '.join([*named[:_NAMED_MAX], *more])}" if named else ""


def _short(value: str) -> str:
    text = _line(value)
    return text if len(text) <= _VALUE_MAX else f"{text[: _VALUE_MAX - 3]}..."


def _line(text: str) -> str:
    """Return text of a machine on one line, without what a terminal would take for orders."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
