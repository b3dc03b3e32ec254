"""The gates of an engine, each graph alone and both together: the same figures and limits as at the export (export/gates)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from numpy.typing import NDArray

from export.engines.evidence import Evidence, Reference
from export.engines.trial import largest_difference
from export.gates.figures import compare
from export.gates.judge import judge, skipped
from export.gates.limits import ACTION_COSINE, ACTION_ERROR, FORESIGHT_COSINE, Limits, limits_of
from interfaces.bundle_artefact import Gate
from interfaces.engine_record import EnginePrecision
from interfaces.graph_contract import FORESIGHT_GRAPH

PARITY = "parity"
_OF_GRAPH = {True: (FORESIGHT_COSINE,), False: (ACTION_ERROR, ACTION_COSINE)}  # whether it is the foresight


def parity_gate(evidence: Evidence, graph: str, found: NDArray[Any], limit: float) -> Gate:
    """Return how far an engine is off torch's outputs on the inputs of the parity file."""
    off, sample = largest_difference(evidence.parity_output(graph), found)
    outcome = "passed" if off <= limit else "failed"
    return Gate(name=PARITY, limit=limit, measured=off, outcome=outcome, worst=f"sample {sample}")


def graph_gates(
    evidence: Evidence, graph: str, found: NDArray[Any] | None, precision: EnginePrecision, joints: tuple[str, ...]
) -> tuple[Gate, ...]:
    """Return the gates of one graph on the held-out frames; the other graph is the reference."""
    limits, names = limits_for(precision), _OF_GRAPH[graph == FORESIGHT_GRAPH]
    if evidence.reference is None or found is None:
        return tuple(skipped(name, limits, evidence.why_none) for name in names)
    is_foresight = graph == FORESIGHT_GRAPH
    tokens = found if is_foresight else evidence.reference.tokens
    positions = evidence.reference.positions if is_foresight else found
    gates = _judged(evidence.reference, tokens, positions, limits, joints)
    return tuple(gate for gate in gates if gate.name in names)


def pair_gates(
    reference: Reference,
    tokens: NDArray[Any],
    positions: NDArray[Any],
    precisions: Iterable[EnginePrecision],
    joints: tuple[str, ...],
) -> tuple[Gate, ...]:
    """Return the gates of both engines together: the action was given the foresight's own tokens."""
    limits = limits_for("int8" if "int8" in precisions else "fp16")
    return _judged(reference, tokens, positions, limits, joints)


def limits_for(precision: EnginePrecision) -> Limits:
    """Return the limits of an engine's precision."""
    return limits_of("trt-int8" if precision == "int8" else precision)


def failures(gates: Iterable[Gate]) -> str:
    """Return in words which gates failed; empty where none did."""
    return "; ".join(
        f"{gate.name} {gate.measured:.4g} at {gate.worst} (limit {gate.limit:.4g})"
        for gate in gates
        if gate.outcome == "failed"
    )


def _judged(
    reference: Reference, tokens: NDArray[Any], positions: NDArray[Any], limits: Limits, joints: tuple[str, ...]
) -> tuple[Gate, ...]:
    figures = compare(reference.tokens, reference.positions, tokens, positions, joints)
    return judge(figures, limits)
