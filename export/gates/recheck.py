"""The gates of an artefact once more, on another machine: what its export found beside what is found here. Pure.

A gate is held against the limit that the manifest states, and against forerun's own where that is stricter: what a manifest allows itself
proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from export.gates.figures import Figures
from export.gates.judge import judge
from export.gates.limits import AT_MOST, CLOSED_LOOP, Limits, within
from interfaces.bundle_artefact import Gate

Outcome = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of a check."""

    what: str  # as the gate is called
    limit: float | None
    at_export: float | None  # None: not measured then
    here: float | None
    where: str  # it was worst; of what was not measured or did not work, why
    outcome: Outcome


def recheck(
    exported: tuple[Gate, ...], own: Limits, figures: Figures | str, closed_loop: Gate | str
) -> tuple[Finding, ...]:
    """Return a finding for each gate of the manifest, and for those of forerun's that it lacks.

    `figures` and `closed_loop` are what was measured here, or a word why it was not.
    """
    here: dict[str, Gate | str] = (
        {gate.name: gate for gate in judge(figures, own)} if isinstance(figures, Figures) else {}
    )
    here[CLOSED_LOOP] = closed_loop
    by_name = {gate.name: gate for gate in exported}
    names = dict.fromkeys((*by_name, *(name for name in own.names if name not in by_name)))
    return tuple(
        _finding(name, by_name.get(name), own, here.get(name, figures if isinstance(figures, str) else _UNKNOWN))
        for name in names
    )


def laxer(exported: tuple[Gate, ...], own: Limits) -> tuple[str, ...]:
    """Return a line for each gate whose limit in the manifest is laxer than forerun's own."""
    known = {gate.name: gate.limit for gate in exported if gate.name in own.names}
    return tuple(
        f"{name}: the manifest's limit {limit:g} is laxer than forerun's {own.of(name):g}, which counts"
        for name, limit in known.items()
        if not _as_strict(name, limit, own.of(name))
    )


def sound(findings: Mapping[str, tuple[Finding, ...]]) -> bool:
    """Return whether there is an artefact, and each has something that was measured here and nothing that failed."""
    outcomes = [{finding.outcome for finding in of_one} for of_one in findings.values()]
    return bool(outcomes) and all("passed" in each and "failed" not in each for each in outcomes)


_UNKNOWN = "this version of forerun knows no such gate"


def _finding(name: str, exported: Gate | None, own: Limits, here: Gate | str) -> Finding:
    limit = _stricter(name, exported, own)
    measured_then = exported is not None and exported.outcome != "skipped"
    at_export = exported.measured if exported is not None and measured_then else None
    if isinstance(here, str):
        return Finding(what=name, limit=limit, at_export=at_export, here=None, where=here, outcome="skipped")
    return Finding(
        what=name,
        limit=limit,
        at_export=at_export,
        here=here.measured,
        where=here.worst,
        outcome="passed" if within(name, here.measured, limit) else "failed",
    )


def _stricter(name: str, exported: Gate | None, own: Limits) -> float:
    if exported is None:
        return own.of(name)
    return exported.limit if name not in own.names or _as_strict(name, exported.limit, own.of(name)) else own.of(name)


def _as_strict(name: str, limit: float, own: float) -> bool:
    return limit <= own if name in AT_MOST else limit >= own
