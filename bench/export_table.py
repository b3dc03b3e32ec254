"""What came of an export, for people: each artefact of the bundle with its gates, its size, and where it was worst."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from interfaces.bundle_artefact import Artefact, Gate
from interfaces.bundle_manifest import BundleManifest

_STYLE = {"passed": "green", "failed": "bold red", "skipped": "yellow"}


def export_table(manifest: BundleManifest, folder: Path) -> Table:
    """Return the table of the bundle in `folder`."""
    table = Table(title=f"{folder}: {', '.join(manifest.instructions)}", title_justify="left")
    for column in ("artefact", "MB", "gate", "limit", "measured", "worst"):
        table.add_column(column, justify="right" if column in {"MB", "limit", "measured"} else "left")
    for artefact in manifest.artefacts:
        _add(table, artefact, folder)
    return table


def _add(table: Table, artefact: Artefact, folder: Path) -> None:
    files = (*artefact.foresight.files, *artefact.action.files)
    size = f"{sum((folder / file.file).stat().st_size for file in files) / 1e6:.2f}"
    name = artefact.precision if artefact.ready else f"[bold red]{artefact.precision}, NOT READY[/]"
    if not artefact.gates:
        table.add_row(name, size, "agrees with torch", "1e-4", "", "", end_section=True)
    for number, gate in enumerate(artefact.gates):
        first = (name, size) if number == 0 else ("", "")
        table.add_row(*first, *_cells(gate), end_section=number == len(artefact.gates) - 1)


def _cells(gate: Gate) -> tuple[str, str, str, str]:
    style = _STYLE[gate.outcome]
    if gate.outcome == "skipped":
        return gate.name, f"{gate.limit:g}", f"[{style}]not measured[/]", gate.worst
    return gate.name, f"{gate.limit:g}", f"[{style}]{gate.measured:.4g}[/]", gate.worst
