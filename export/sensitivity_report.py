"""The sensitivity of a policy to INT8, for people: a table and a picture that travel in the bundle."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from export.gates.limits import Limits
from export.quantise.search import SearchResult
from export.quantise.sensitivity import Sensitivity
from export.sensitivity_picture import picture_of
from export.sensitivity_rows import Row, rows_of
from interfaces.durable import write_whole

_HEADER = (
    "graph", "block", "kind", "blocks", "macs", "macs_percent", "decision", "reason", "action_error_percent", "joint",
    "frame", "action_cosine", "foresight_cosine",
)  # fmt: skip


def write_sensitivity(
    folder: Path, title: str, sensitivities: Sequence[Sensitivity], result: SearchResult, limits: Limits
) -> tuple[str, str]:
    """Write `sensitivity.<layout>.csv` and `.png` into a folder, and return their names; raises OSError.

    `title` names the policy.
    """
    rows = rows_of(sensitivities, result)
    table, picture = (f"sensitivity.{result.layout}.{ending}" for ending in ("csv", "png"))
    write_whole(folder / table, table_of(rows).encode())
    write_whole(folder / picture, picture_of(title, rows, result, limits))
    return table, picture


def table_of(rows: Sequence[Row]) -> str:
    """Return the table as CSV: errors in percent of each joint's action range, frames as numbers of the held-out samples."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    for row in rows:
        unit, figures, worst = row.unit, row.figures, row.worst
        writer.writerow((
            unit.graph, unit.name, unit.kind, len(unit.blocks), unit.macs, f"{100 * row.macs_ratio:.3f}", row.decision,
            unit.reason, f"{100 * worst.error_ratio:.4f}", worst.joint, worst.frame,
            f"{figures.action_cosine.value:.6f}", f"{figures.foresight_cosine.value:.6f}",
        ))  # fmt: skip
    return text.getvalue()
