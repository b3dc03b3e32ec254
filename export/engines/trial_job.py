"""What crosses to the process that tries one engine, and back; arrays lie beside it as .npy and .npz."""

from __future__ import annotations

from dataclasses import dataclass

from export.engines.trial import TimingPlan
from interfaces.bundle_manifest import GraphSpec

JOB_FILE = "trial.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialJob:
    """One engine to try."""

    name: str  # for messages
    graph: str
    plan: str  # path
    spec: GraphSpec
    sets: tuple[str, ...]  # of inputs
    timed: str  # the set that it is timed on; empty for none
    timing: TimingPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialOutcome:
    """What came of it."""

    refused: str  # why there is nothing; empty where there is
    runs: int = 0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
