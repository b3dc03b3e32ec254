"""The ladder: every candidate of both graphs is built, timed and gated on this board; the fastest pair that passes is kept.

INT8 is now and then slower than FP16, and now and then cannot be built or goes wrong on one board alone (reference in
export/engines/variants.py), so nothing is taken for granted. The graphs are chosen each for its own speed, since they run side by side
at their own rates, but an action engine gets the tokens of the very foresight engine beside it, so that the pair has the last word.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from export.engines.build_process import BuildOutcome
from export.engines.builder_voice import SHARES
from export.engines.candidates import FP32, BundleSource, Candidate, Left, Source, prepare
from export.engines.evidence import Evidence
from export.engines.gating import failures, graph_gates, pair_gates, parity_gate
from export.engines.trial import Arrays, Latency, TimingPlan, TrialRequest, TrialResult
from interfaces.bundle_artefact import Gate
from interfaces.bundle_manifest import GraphSpec
from interfaces.engine_record import Tried
from interfaces.errors import BundleError, ForerunError
from interfaces.graph_contract import ACTION_GRAPH, FORESIGHT_GRAPH, GRAPHS, TOKENS
from interfaces.progress import Progress, silent

Build = Callable[[str, Source, GraphSpec, Path, Progress], BuildOutcome]  # name, graph, tensors, folder to work in
TryOut = Callable[[TrialRequest, Path, Progress], TrialResult]  # folder to work in

_PARITY, _HELDOUT = "parity", "heldout"  # sets of inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What the ladder stands on; tests take others."""

    build: Build
    trial: TryOut
    say: Callable[[str], None]
    timing: TimingPlan = field(default_factory=TimingPlan)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One candidate of one graph, tried."""

    candidate: Candidate
    tried: Tried
    plan: Path | None = None  # where it passed on its own
    limit: float = 0.0  # of its parity
    found: NDArray[Any] | None = None  # its outputs on the held-out inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Climbed:
    """What came of all candidates."""

    kept: dict[str, Attempt]  # by graph; empty where no pair passed
    tried: dict[str, tuple[Tried, ...]]
    gates: tuple[Gate, ...]  # of the pair kept


class Ladder:
    """Tries candidates, and remembers what became of them."""

    def __init__(self, bundle: BundleSource, evidence: Evidence, tools: Tools, scratch: Path) -> None:
        """Work in the folder `scratch`, which must be there."""
        self._bundle = bundle
        self._evidence = evidence
        self._tools = tools
        self._scratch = scratch
        self._attempts: dict[str, list[Attempt]] = {graph: [] for graph in GRAPHS}
        self._refusals: dict[tuple[str, str], str] = {}  # by graph and candidate: why a pair with it did not pass

    def climb(self, candidates: tuple[Candidate, ...], progress: Progress) -> Climbed:
        """Return the fastest pair that passes. FP32 is tried only where nothing else passes, or nothing else is asked for."""
        first = tuple(one for one in candidates if one != FP32) or candidates
        steps = Steps(progress, len(first) * len(GRAPHS))
        for graph in GRAPHS:
            for candidate in first:
                self._try(graph, candidate, steps.next())
        kept, gates = self._best_pair()
        if not kept and FP32 in candidates and FP32 not in first:
            steps = Steps(progress, len(GRAPHS))
            for graph in GRAPHS:
                self._try(graph, FP32, steps.next())
            kept, gates = self._best_pair()
        return Climbed(kept=kept, tried=self._told(kept), gates=gates)

    def _try(self, graph: str, candidate: Candidate, progress: Progress) -> None:
        try:
            attempt = self._attempt(graph, candidate, progress)
        except ForerunError as error:
            attempt = Attempt(candidate, Tried(candidate=candidate.name, outcome="failed", why=str(error)))
        self._attempts[graph].append(attempt)
        self._tools.say(f"{graph} {candidate.name}: {_in_words(attempt.tried)}")

    def _attempt(self, graph: str, candidate: Candidate, progress: Progress) -> Attempt:
        folder = self._scratch / f"{graph}-{candidate.name}"
        folder.mkdir()
        name, spec = f"{graph} {candidate.name}", self._evidence.specs[graph]
        source = prepare(candidate, self._bundle, graph, folder)
        if isinstance(source, Left):
            return Attempt(candidate, Tried(candidate=candidate.name, outcome="untried", why=source.why))
        built = self._tools.build(
            name, source, spec, folder, lambda done, total, text: progress(done, total, f"{name}: {text}")
        )
        inputs = {_PARITY: self._evidence.parity_inputs(graph), _HELDOUT: self._evidence.inputs(graph)}
        request = self._request(name, graph, built.plan, inputs, _HELDOUT)
        result = self._tools.trial(request, folder, _at_end(progress, f"{name}: on trial"))
        found = result.answers[_HELDOUT] if self._evidence.reference else None
        latency = result.latency or Latency(0, math.inf, math.inf)
        limit = self._limit(graph, candidate)
        gates = (
            parity_gate(self._evidence, graph, result.answers[_PARITY], limit),
            *graph_gates(self._evidence, graph, found, candidate.precision, self._bundle.manifest.joints),
        )
        bad = failures(gates)
        tried = Tried(
            candidate=candidate.name,
            outcome="refused" if bad else "slower",
            why=bad,
            build_s=round(built.build_s, 3),
            size_bytes=built.plan.stat().st_size,
            weights_bytes=built.result.weights_bytes,
            warnings=built.result.warnings,
            runs=latency.runs,
            p50_ms=latency.p50_ms,
            p99_ms=latency.p99_ms,
            gates=gates,
        )
        return Attempt(candidate, tried) if bad else Attempt(candidate, tried, built.plan, limit, found)

    def _request(self, name: str, graph: str, plan: Path, inputs: Mapping[str, Arrays], timed: str) -> TrialRequest:
        return TrialRequest(
            name=name,
            graph=graph,
            plan=plan,
            spec=self._evidence.specs[graph],
            inputs=inputs,
            timed=timed,
            timing=self._tools.timing,
        )

    def _limit(self, graph: str, candidate: Candidate) -> float:
        artefact = self._bundle.limit_source(candidate)
        if artefact is None:
            raise BundleError(f"the bundle has no artefact for {candidate.name}")
        return artefact.foresight_max_abs if graph == FORESIGHT_GRAPH else artefact.action_max_abs_rad

    def _best_pair(self) -> tuple[dict[str, Attempt], tuple[Gate, ...]]:
        """Return the fastest pair that passes together, and its gates; nothing where none does."""
        for foresight, action in self._pairs():
            gates = self._gates_of(foresight, action)
            bad = failures(gates)
            if not bad:
                return {FORESIGHT_GRAPH: foresight, ACTION_GRAPH: action}, gates
            names = f"foresight {foresight.candidate.name} and action {action.candidate.name}"
            for graph, one in ((FORESIGHT_GRAPH, foresight), (ACTION_GRAPH, action)):
                self._refusals[graph, one.candidate.name] = f"{names} together: {bad}"
            self._tools.say(f"{names} together: refused, {bad}")
        return {}, ()

    def _pairs(self) -> Iterator[tuple[Attempt, Attempt]]:
        """Return the pairs of those that passed alone, those that take the least together first."""
        passed = {graph: [one for one in self._attempts[graph] if one.plan is not None] for graph in GRAPHS}
        pairs = [(one, other) for one in passed[FORESIGHT_GRAPH] for other in passed[ACTION_GRAPH]]
        return iter(sorted(pairs, key=lambda pair: _p50_ms(pair[0]) + _p50_ms(pair[1])))

    def _gates_of(self, foresight: Attempt, action: Attempt) -> tuple[Gate, ...]:
        reference = self._evidence.reference
        if reference is None or foresight.found is None or action.plan is None:
            return ()
        name = f"foresight {foresight.candidate.name} and action {action.candidate.name}"
        inputs = {_HELDOUT: {**reference.samples, TOKENS: foresight.found}}
        folder = self._scratch / name.replace(" ", "-")
        folder.mkdir(exist_ok=True)
        request = self._request(name, ACTION_GRAPH, action.plan, inputs, "")
        positions = self._tools.trial(request, folder, silent).answers[_HELDOUT]
        precisions = (foresight.candidate.precision, action.candidate.precision)
        return pair_gates(reference, foresight.found, positions, precisions, self._bundle.manifest.joints)

    def _told(self, kept: dict[str, Attempt]) -> dict[str, tuple[Tried, ...]]:
        return {graph: tuple(self._final(graph, one, kept) for one in self._attempts[graph]) for graph in GRAPHS}

    def _final(self, graph: str, attempt: Attempt, kept: dict[str, Attempt]) -> Tried:
        """Return what became of one that passed alone: kept, slower than that one, or refused beside every other."""
        best, tried = kept.get(graph), attempt.tried
        if attempt.plan is None:
            return tried
        if best is not None and best.candidate == attempt.candidate:
            return replace(tried, outcome="kept")
        refusal = self._refusals.get((graph, attempt.candidate.name))
        if best is None or _p50_ms(attempt) < _p50_ms(best):
            return replace(tried, outcome="refused", why=refusal or "no engine of the other graph passed")
        return replace(tried, why=f"{best.candidate.name} takes {_p50_ms(best):.3f} ms")


class Steps:
    """The progress of many candidates as one."""

    def __init__(self, progress: Progress, total: int) -> None:
        """Tell `progress` of `total` steps in all."""
        self._progress = progress
        self._total = total
        self._step = -1

    def next(self) -> Progress:
        """Return where the next step tells how far it is."""
        self._step += 1
        step = self._step

        def tell(done: int, total: int, text: str) -> None:
            self._progress(step * SHARES + SHARES * done // max(total, 1), self._total * SHARES, text)

        return tell


def _at_end(progress: Progress, text: str) -> Progress:
    """Return a progress that stays where a candidate is built."""
    return lambda _done, _total, _text: progress(SHARES, SHARES, text)


def _p50_ms(attempt: Attempt) -> float:
    return attempt.tried.p50_ms if attempt.tried.p50_ms is not None else float("inf")


def _in_words(tried: Tried) -> str:
    if tried.outcome == "untried":
        return f"not tried: {tried.why}"
    if tried.p50_ms is None:
        return f"failed: {tried.why}"
    verdict = f"refused, {tried.why}" if tried.outcome == "refused" else "passes"
    return f"built in {tried.build_s:.1f} s, {tried.size_bytes / 1e6:.2f} MB, p50 {tried.p50_ms:.3f} ms: {verdict}"
