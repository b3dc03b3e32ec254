"""What `forerun check` found, as tables for people; the last column is as long as it must be, for it says where to look."""

from __future__ import annotations

import platform
from collections.abc import Container, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.closed_loop.lockstep import Outcome
    from export.gates.figures import Figures, JointFigures
    from export.gates.recheck import Finding
    from interfaces.bundle_manifest import BundleManifest

_HEAD = ("artefact", "gate", "limit", "at export", "here", "verdict", "worst")
_NUMBERS = range(2, 5)  # columns
_VERDICTS = {"passed": "passed", "failed": "FAILED", "skipped": "not measured"}

Row = tuple[str, ...]


def print_findings(manifest: BundleManifest, findings: Mapping[str, tuple[Finding, ...]], notes: Sequence[str]) -> None:
    """Print a row for each gate of each artefact, and below them what else is to be said."""
    not_ready = {artefact.precision for artefact in manifest.artefacts if not artefact.ready}
    rows: list[Row] = []
    for artefact, of_one in findings.items():
        name = f"{artefact} (not ready)" if artefact in not_ready else artefact
        for cells in _sections(of_one):
            rows.append((name, *cells))
            name = ""
    print(f"\n{manifest.name} on {platform.node()} ({platform.machine()})")
    _print_table(_HEAD, rows, _NUMBERS)
    for note in dict.fromkeys(notes):
        print(f"note: {note}")


def print_joints(figures: Mapping[str, Figures]) -> None:
    """Print the largest error of each joint by artefact, where anything was measured."""
    if not figures:
        return
    some = next(iter(figures.values()))
    rows = [
        (one.joint, f"{one.range_rad:.3f} rad", *(_joint(each.joints[number]) for each in figures.values()))
        for number, one in enumerate(some.joints)
    ]
    print(f"\nlargest action error of each joint over {some.frames} held-out frames, of the joint's range")
    _print_table(("joint", "range", *figures), rows)
    print()


def print_successes(artefact: str, outcomes: Sequence[Outcome]) -> None:
    """Print success by task, with the interval that chance leaves."""
    from rich.console import Console

    from bench.closed_loop.success_table import success_table

    Console().print(success_table(f"{artefact} in the closed loop", outcomes))


def _sections(findings: Sequence[Finding]) -> list[Row]:
    """Return the cells of each gate; those that were left out for the same reason are one."""
    rows: list[Row] = []
    for why, alike in groupby(findings, key=lambda one: one.where if one.outcome == "skipped" else None):
        row = list(alike)
        if why is not None and len(row) > 1:
            rows.append((f"{len(row)} gates", "-", "-", "-", _VERDICTS["skipped"], why))
        else:
            rows += [_cells(one) for one in row]
    return rows


def _cells(finding: Finding) -> Row:
    numbers = (_number(value) for value in (finding.limit, finding.at_export, finding.here))
    return (finding.what, *numbers, _VERDICTS[finding.outcome], finding.where)


def _joint(joint: JointFigures) -> str:
    cosine = "" if joint.cosine is None else f", cosine {joint.cosine:.4f}"
    return f"{100 * joint.error_ratio:.2f} % = {joint.max_abs_rad:.4f} rad at frame {joint.frame}{cosine}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.5g}"


def _print_table(head: Row, rows: Sequence[Row], numbers: Container[int] = ()) -> None:
    table = [head, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(head))]
    for row in table:
        cells = (
            cell.rjust(width) if column in numbers else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join(cells).rstrip())
