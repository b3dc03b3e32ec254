"""The ladder keeps the fastest pair that passes, and says of every other candidate what was wrong with it.

ONNX Runtime stands in for TensorRT: a "plan" is the candidate's ONNX file, and an engine runs it, as slow or as wrong as the test says.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.engines.build_job import PLAN_FILE, BuildResult
from export.engines.build_process import BuildOutcome
from export.engines.candidates import CANDIDATES, FP32, BundleSource, Source, chosen
from export.engines.evidence import Evidence
from export.engines.ladder import Climbed, Ladder, Tools
from export.engines.trial import TimingPlan, TrialRequest, TrialResult, try_out
from interfaces.bundle_manifest import GraphSpec
from interfaces.engine import Engine, Tensors
from interfaces.engine_record import Tried
from interfaces.errors import BundleError, DeviceError
from interfaces.graph_contract import ACTION_GRAPH, FORESIGHT_GRAPH
from interfaces.progress import Progress, silent
from runtime.policy.open_engine import open_engine

Change = Callable[[dict[str, Any], Tensors], None]  # outputs, in place; inputs

MS = 1_000_000
DURATIONS_MS = {"int8-fp16": 2, "int8-fp32": 6, "int8-conv": 3, "int8-linear": 5, "fp16": 4, "fp32": 9}


@dataclass
class StandIn:
    """A workshop without TensorRT."""

    durations_ms: dict[str, int] = field(default_factory=lambda: dict(DURATIONS_MS))
    broken: dict[str, Exception] = field(default_factory=dict[str, Exception])  # by "graph candidate": cannot be built
    changes: dict[str, Change] = field(default_factory=dict[str, Change])  # by the same: computes wrongly
    built: list[str] = field(default_factory=list[str])
    said: list[str] = field(default_factory=list[str])
    t_ns: int = 0
    open_now: int = 0

    def build(self, name: str, source: Source, spec: GraphSpec, folder: Path, progress: Progress) -> BuildOutcome:
        assert spec.outputs
        assert not source.external
        if name in self.broken:
            raise self.broken[name]
        self.built.append(name)
        progress(1, 2, "half")
        plan = folder / PLAN_FILE
        plan.write_bytes(source.path.read_bytes())
        (folder / "name").write_text(name, encoding="utf-8")
        self.names[plan.read_bytes()] = name
        return BuildOutcome(plan, BuildResult(refused=""), 12.5)

    def trial(self, request: TrialRequest, folder: Path, progress: Progress) -> TrialResult:
        assert folder.is_dir()
        return try_out(request, self.open_plan, lambda: self.t_ns, progress)

    names: dict[bytes, str] = field(default_factory=dict[bytes, str])

    def open_plan(self, plan: bytes, graph: str, spec: GraphSpec) -> Engine:
        name = self.names[plan]
        assert name.startswith(graph)
        self.open_now += 1
        return ActingEngine(open_engine(plan, name, spec, threads=1), name, self)

    def tools(self, timing: TimingPlan | None = None) -> Tools:
        return Tools(
            build=self.build, trial=self.trial, say=self.said.append, timing=timing or TimingPlan(warm_up=1, runs=7),
        )  # fmt: skip


class ActingEngine:
    """An engine that takes as long, and errs, as its workshop says."""

    def __init__(self, engine: Engine, name: str, workshop: StandIn) -> None:
        self._engine = engine
        self._name = name
        self._workshop = workshop

    @property
    def spec(self) -> GraphSpec:
        return self._engine.spec

    def run(self, inputs: Tensors) -> Tensors:
        self._workshop.t_ns += self._workshop.durations_ms[self._name.split()[1]] * MS
        outputs = dict(self._engine.run(inputs))
        if self._name in self._workshop.changes:
            self._workshop.changes[self._name](outputs, inputs)
        return outputs

    def close(self) -> None:
        self._workshop.open_now -= 1


@pytest.fixture
def stand_in() -> StandIn:
    """A workshop in which all goes well."""
    return StandIn()


@pytest.fixture
def climb(source: BundleSource, evidence: Evidence, stand_in: StandIn, tmp_path: Path) -> Callable[..., Climbed]:
    """Climbs with the stand-in."""

    def run(names: str = "", judged_on: Evidence | None = None, of: BundleSource | None = None) -> Climbed:
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        candidates = chosen(tuple(names.split())) if names else CANDIDATES
        climbed = Ladder(of or source, judged_on or evidence, stand_in.tools(), scratch).climb(candidates, silent)
        assert stand_in.open_now == 0  # every engine gave back what it held
        return climbed

    return run


def outcomes(climbed: Climbed, graph: str) -> dict[str, str]:
    return {tried.candidate: tried.outcome for tried in climbed.tried[graph]}


def tried(climbed: Climbed, graph: str, candidate: str) -> Tried:
    return next(one for one in climbed.tried[graph] if one.candidate == candidate)


def kept(climbed: Climbed) -> Mapping[str, str]:
    return {graph: attempt.candidate.name for graph, attempt in climbed.kept.items()}


def test_the_fastest_that_passes_is_kept(climb: Callable[..., Climbed]) -> None:
    climbed = climb()
    assert kept(climbed) == {FORESIGHT_GRAPH: "int8-fp16", ACTION_GRAPH: "int8-fp16"}
    assert outcomes(climbed, FORESIGHT_GRAPH) == {
        "int8-fp16": "kept", "int8-fp32": "slower", "int8-conv": "slower", "int8-linear": "slower", "fp16": "slower",
    }  # fmt: skip
    assert tried(climbed, FORESIGHT_GRAPH, "fp16").why == "int8-fp16 takes 2.000 ms"
    best = tried(climbed, FORESIGHT_GRAPH, "int8-fp16")
    assert (best.p50_ms, best.runs, best.build_s, best.why) == (2.0, 7, 12.5, "")
    assert best.size_bytes == climbed.kept[FORESIGHT_GRAPH].plan.stat().st_size  # type: ignore[union-attr]
    assert [gate.name for gate in best.gates] == ["parity", "foresight cosine"]
    assert [gate.name for gate in climbed.gates] == ["action error", "action cosine", "foresight cosine"]
    assert {gate.outcome for gate in (*best.gates, *climbed.gates)} == {"passed"}
    assert climbed.kept[ACTION_GRAPH].limit == 0.2  # of trt-int8, which it is made from


def test_what_would_be_the_same_graph_is_not_built_twice(climb: Callable[..., Climbed]) -> None:
    climbed = climb()
    assert tried(climbed, ACTION_GRAPH, "int8-conv").why == "no convolution in it is quantised"
    assert tried(climbed, ACTION_GRAPH, "int8-linear").why == "nothing else in it is quantised: the same as int8-fp16"


def test_int8_slower_than_fp16_is_not_kept(climb: Callable[..., Climbed], stand_in: StandIn) -> None:
    stand_in.durations_ms.update({"int8-fp16": 8, "int8-conv": 7})
    climbed = climb()
    assert kept(climbed) == {FORESIGHT_GRAPH: "fp16", ACTION_GRAPH: "fp16"}
    assert tried(climbed, FORESIGHT_GRAPH, "int8-conv").outcome == "slower"


def test_one_that_cannot_be_built_costs_only_itself(climb: Callable[..., Climbed], stand_in: StandIn) -> None:
    myelin = "Could not infer output types for operation: dequantize"
    stand_in.broken["foresight int8-fp16"] = BundleError(myelin)
    stand_in.broken["action int8-fp16"] = DeviceError("the builder crashed: SIGSEGV")
    climbed = climb()
    assert kept(climbed) == {FORESIGHT_GRAPH: "int8-conv", ACTION_GRAPH: "fp16"}
    failed = tried(climbed, FORESIGHT_GRAPH, "int8-fp16")
    assert (failed.outcome, failed.why, failed.p50_ms) == ("failed", myelin, None)
    assert f"foresight int8-fp16: failed: {myelin}" in stand_in.said


def test_one_that_is_wrong_on_one_frame_is_refused_by_frame_and_joint(
    climb: Callable[..., Climbed], stand_in: StandIn, evidence: Evidence
) -> None:
    assert evidence.reference is not None
    joints = evidence.reference.samples["joints"][17]

    def err(outputs: dict[str, Any], inputs: Tensors) -> None:
        if np.array_equal(inputs["joints"], joints):
            outputs["positions"] = outputs["positions"] + np.array([0.0, 0.5], np.float32)

    stand_in.changes["action int8-fp16"] = err
    climbed = climb()
    assert kept(climbed)[ACTION_GRAPH] == "fp16"
    refused = tried(climbed, ACTION_GRAPH, "int8-fp16")
    assert refused.outcome == "refused"
    assert "action error" in refused.why
    assert "frame 17, joint b" in refused.why
    assert refused.p50_ms == 2.0  # people see what it would have gained


def test_one_that_is_off_on_the_parity_samples_is_refused(climb: Callable[..., Climbed], stand_in: StandIn) -> None:
    def shift(outputs: dict[str, Any], _inputs: Tensors) -> None:
        outputs["tokens"] = outputs["tokens"] * 1.001 + 0.5

    stand_in.changes["foresight int8-fp16"] = shift
    climbed = climb()
    assert tried(climbed, FORESIGHT_GRAPH, "int8-fp16").why.startswith("parity 0.5")
    assert kept(climbed)[FORESIGHT_GRAPH] == "int8-conv"


def test_numbers_that_are_none_pass_no_gate(climb: Callable[..., Climbed], stand_in: StandIn) -> None:
    def overflow(outputs: dict[str, Any], _inputs: Tensors) -> None:
        outputs["tokens"] = outputs["tokens"] * np.float32(np.nan)

    for name in ("int8-fp16", "int8-conv"):
        stand_in.changes[f"foresight {name}"] = overflow
    climbed = climb()
    assert kept(climbed)[FORESIGHT_GRAPH] == "fp16"
    gates = tried(climbed, FORESIGHT_GRAPH, "int8-fp16").gates
    assert [(gate.outcome, np.isinf(gate.measured)) for gate in gates] == [("failed", True)] * 2


def test_a_pair_that_is_wrong_only_together_is_refused_together(
    climb: Callable[..., Climbed], stand_in: StandIn, evidence: Evidence
) -> None:
    assert evidence.reference is not None
    known = {tokens.tobytes() for tokens in (*evidence.reference.tokens, *evidence.parity["action/tokens"])}

    def touchy(outputs: dict[str, Any], inputs: Tensors) -> None:
        """Err on tokens that no fp32 foresight made."""
        if inputs["tokens"].tobytes() not in known:
            outputs["positions"] = outputs["positions"] + np.float32(0.3)

    stand_in.changes["action int8-fp16"] = touchy
    climbed = climb()
    assert kept(climbed) == {FORESIGHT_GRAPH: "int8-fp16", ACTION_GRAPH: "fp16"}
    refused = tried(climbed, ACTION_GRAPH, "int8-fp16")
    assert refused.outcome == "refused"
    assert "foresight" in refused.why
    assert "and action int8-fp16 together: action error" in refused.why
    assert {gate.outcome for gate in refused.gates} == {"passed"}  # alone


def test_fp32_is_the_last_resort(climb: Callable[..., Climbed], stand_in: StandIn) -> None:
    for candidate in CANDIDATES:
        if candidate != FP32:
            stand_in.broken[f"foresight {candidate.name}"] = BundleError("no kernel")
    climbed = climb()
    assert kept(climbed) == {FORESIGHT_GRAPH: "fp32", ACTION_GRAPH: "int8-fp16"}
    assert stand_in.built[-2:] == ["foresight fp32", "action fp32"]
    assert outcomes(climbed, ACTION_GRAPH)["fp32"] == "slower"


def test_where_nothing_passes_nothing_is_kept(climb: Callable[..., Climbed], stand_in: StandIn) -> None:
    for candidate in CANDIDATES:
        stand_in.broken[f"action {candidate.name}"] = BundleError("no kernel")
    climbed = climb()
    assert kept(climbed) == {}
    assert climbed.gates == ()
    left = tried(climbed, FORESIGHT_GRAPH, "int8-fp16")
    assert (left.outcome, left.why) == ("refused", "no engine of the other graph passed")


def test_only_what_is_asked_for_is_tried(climb: Callable[..., Climbed], stand_in: StandIn) -> None:
    climbed = climb("int8-linear fp32")
    # The action has no int8-linear of its own, so that the last resort is tried, too.
    assert kept(climbed) == {FORESIGHT_GRAPH: "int8-linear", ACTION_GRAPH: "fp32"}
    assert stand_in.built == ["foresight int8-linear", "foresight fp32", "action fp32"]


def test_a_bundle_without_held_out_frames_is_gated_on_parity(
    climb: Callable[..., Climbed], source: BundleSource, stand_in: StandIn, gathered: Callable[[BundleSource], Evidence]
) -> None:
    bare = BundleSource(source.folder, replace(source.manifest, heldout=None))
    climbed = climb("", gathered(bare), bare)
    assert kept(climbed) == {FORESIGHT_GRAPH: "int8-fp16", ACTION_GRAPH: "int8-fp16"}
    gates = tried(climbed, ACTION_GRAPH, "int8-fp16").gates
    assert [(gate.name, gate.outcome) for gate in gates] == [
        ("parity", "passed"), ("action error", "skipped"), ("action cosine", "skipped"),
    ]  # fmt: skip
    assert gates[1].worst == "the bundle has no held-out frames"
    assert stand_in.said


def test_an_artefact_that_is_not_ready_is_not_built(climb: Callable[..., Climbed], source: BundleSource) -> None:
    artefacts = tuple(
        replace(one, ready=one.precision != "trt-int8") for one in source.manifest.artefacts if one.precision != "fp16"
    )
    climbed = climb("", None, BundleSource(source.folder, replace(source.manifest, artefacts=artefacts)))
    assert kept(climbed) == {FORESIGHT_GRAPH: "fp32", ACTION_GRAPH: "fp32"}
    assert tried(climbed, ACTION_GRAPH, "int8-fp16").why == "the bundle has no trt-int8 artefact that is ready"
