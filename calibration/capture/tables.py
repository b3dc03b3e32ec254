"""What the operator sees of a capture: how far each joint's range is covered."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from calibration.capture.balance import Balance

LEVELS = " .:+#"  # of a bin: none, fewer than others, ..., as many as any; plain letters, for any terminal


def coverage_table(joint_names: Sequence[str], balance: Balance) -> Table:
    """Return how many samples there are, and where in each joint's range."""
    coverage = balance.coverage()
    table = Table(title=f"{balance.n_kept} of {balance.n_wanted} samples")
    table.add_column("joint")
    table.add_column("from one end of its range to the other")
    table.add_column("covered", justify="right")
    for name, counts, ratio in zip(joint_names, coverage.n_in_bins, coverage.covered_ratio, strict=True):
        table.add_row(name, f"[{_bar(counts.tolist())}]".replace("[", "\\["), f"{ratio:.0%}")
    return table


def _bar(counts: list[int]) -> str:
    most = max(1, *counts)
    return "".join(LEVELS[-(-count * (len(LEVELS) - 1) // most)] for count in counts)
