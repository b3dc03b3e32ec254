"""The doctor's table for people, and the same for programs."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path

from bench.doctor.check import Check, Verdict

_WORDS = {Verdict.GOOD: "good", Verdict.UNKNOWN: "-", Verdict.WEAK: "weak", Verdict.BAD: "BAD"}


def table(title: str, checks: Sequence[Check]) -> str:
    """Return the table: a line a check, and below it what to do where it is not good."""
    width = max(len(check.name) for check in checks)
    lines = [title]
    for check in checks:
        lines.append(f"  {_WORDS[check.verdict]:<5} {check.name:<{width}}  {check.value}")
        if check.verdict > Verdict.UNKNOWN:
            lines.append(f"  {'':<5} {'':<{width}}  limit: {check.limit}; {check.remedy}")
    return "\n".join(lines)


def conclusion(checks: Sequence[Check]) -> str:
    """Return the verdict on all of it, in one line."""
    counts = {verdict: sum(check.verdict is verdict for check in checks) for verdict in Verdict}
    worst = "not fit" if counts[Verdict.BAD] else "fit, with weak spots" if counts[Verdict.WEAK] else "fit"
    return (
        f"verdict: {worst} ({counts[Verdict.BAD]} bad, {counts[Verdict.WEAK]} weak, {counts[Verdict.GOOD]} good,"
        f" {counts[Verdict.UNKNOWN]} not readable here)"
    )


def write_json(path: Path, title: str, checks: Sequence[Check]) -> None:
    """Write title and checks to `path`; the file appears whole or not at all. A figure that is no number is null."""
    rows = [
        {
            "name": check.name,
            "verdict": check.verdict.name.lower(),
            "value": check.value,
            "limit": check.limit,
            "remedy": check.remedy if check.verdict > Verdict.UNKNOWN else "",
            "figures": {key: value if math.isfinite(value) else None for key, value in check.figures.items()},
        }
        for check in checks
    ]
    text = json.dumps(
        {"title": title, "verdict": max(check.verdict for check in checks).name.lower(), "checks": rows}, indent=2
    )
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
