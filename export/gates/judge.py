"""From figures and limits to the gates of the manifest."""

from __future__ import annotations

import math

from export.gates.figures import Figures, Worst
from export.gates.limits import ACTION_COSINE, ACTION_ERROR, AT_MOST, FORESIGHT_COSINE, Limits, within
from interfaces.bundle_artefact import Gate


def judge(figures: Figures, limits: Limits) -> tuple[Gate, ...]:
    """Return the gates that held-out frames decide, each with where it was worst."""
    measured = {
        ACTION_ERROR: figures.action_error,
        ACTION_COSINE: figures.action_cosine,
        FORESIGHT_COSINE: figures.foresight_cosine,
    }
    return tuple(judged(name, limits.of(name), worst) for name, worst in measured.items())


def judged(name: str, limit: float, worst: Worst) -> Gate:
    """Return one gate; NaN fails it, and is written as the infinity that is as bad: manifests hold no NaN."""
    outcome = "passed" if within(name, worst.value, limit) else "failed"
    measured = worst.value if not math.isnan(worst.value) else math.inf if name in AT_MOST else -math.inf
    return Gate(name=name, limit=limit, measured=measured, outcome=outcome, worst=worst.where)


def skipped(name: str, limits: Limits, why: str) -> Gate:
    """Return a gate that was not measured, and why not; its figure, 0, means nothing."""
    return Gate(name=name, limit=limits.of(name), measured=0.0, outcome="skipped", worst=why)


def all_passed(gates: tuple[Gate, ...]) -> bool:
    """Return whether an artefact with these gates may be called ready: something was measured, and nothing failed."""
    outcomes = {gate.outcome for gate in gates}
    return "passed" in outcomes and "failed" not in outcomes
