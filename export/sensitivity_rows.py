"""The rows of a sensitivity report: each unit, what it costs alone, and what was decided about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from export.gates.figures import Figures, JointFigures
from export.quantise.search import SearchResult
from export.quantise.sensitivity import Sensitivity
from export.quantise.units import Unit

Decision = Literal["INT8", "kept by search", "kept by default", "pinned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One unit, quantised alone, and what was decided."""

    unit: Unit
    figures: Figures
    decision: Decision
    macs_ratio: float  # of all units

    @property
    def worst(self) -> JointFigures:
        """Return the joint that is off most."""
        return max(self.figures.joints, key=lambda joint: joint.error_ratio)


def rows_of(sensitivities: Sequence[Sensitivity], result: SearchResult) -> tuple[Row, ...]:
    """Return the rows, the costliest first."""
    macs = max(sum(one.unit.macs for one in sensitivities), 1)
    rows = [
        Row(
            unit=one.unit,
            figures=one.figures,
            decision=_decision(one.unit, result),
            macs_ratio=one.unit.macs / macs,
        )
        for one in sensitivities
    ]
    return tuple(sorted(rows, key=lambda row: -row.worst.error_ratio))


def _decision(unit: Unit, result: SearchResult) -> Decision:
    if unit.kept_by == "pinned":
        return "pinned"
    if unit.kept_by == "default":
        return "kept by default"
    return "INT8" if unit.ids <= result.quantised else "kept by search"
