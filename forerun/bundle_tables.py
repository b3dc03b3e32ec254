"""The shelf of bundles as a table, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from runtime.bundles.listing import ShelfRow

_HEAD = ("", "name", "family", "created", "size", "signed", "state")


def table(rows: Sequence[ShelfRow], folder: Path) -> str:
    """Return the bundles as a table with a line below that says what the next start runs."""
    if not rows:
        return f"no bundles on the shelf {folder}; forerun bundle install PATH brings one"
    cells = [_HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    return "\n".join((*lines, "", _conclusion(rows)))


def as_json(rows: Sequence[ShelfRow]) -> str:
    """Return the bundles for programs: {"bundles": [...]}, the keys those of ShelfRow."""
    return json.dumps({"bundles": [asdict(row) for row in rows]}, indent=2)


def _cells(row: ShelfRow) -> tuple[str, ...]:
    size = f"{row.size_bytes / 1e6:.1f} MB"
    return (
        "*" if row.runs else "",
        row.name,
        row.family or "?",
        row.created or "?",
        size,
        row.key[:6] or "no",
        row.state,
    )


def _conclusion(rows: Sequence[ShelfRow]) -> str:
    if any(row.runs for row in rows):
        return "* runs at the next start"
    if any(row.role for row in rows):
        return "None of them is run: each that was in charge failed. forerun bundle activate NAME tries one anew."
    return "None was activated: the bundle that the robot file names is run."
