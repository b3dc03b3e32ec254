"""An engine is timed on real inputs in turn, in a process of its own, which may say why it could not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.engines.candidates import BundleSource
from export.engines.child import Watch
from export.engines.evidence import Evidence
from export.engines.trial import TimingPlan, TrialRequest, largest_difference, measure, try_out
from export.engines.trial_process import run_trial
from interfaces.bundle_manifest import GraphSpec
from interfaces.engine import Tensors
from interfaces.errors import BundleError, DeviceError
from interfaces.graph_contract import ACTION_GRAPH
from interfaces.progress import silent
from runtime.policy.open_engine import open_engine
from tests.data.engine_stand_in import program


class Counting:
    """An engine that takes as long as it is told, and remembers what it was given."""

    def __init__(self, spec: GraphSpec, run_ns: int) -> None:
        self._spec = spec
        self._run_ns = run_ns
        self.t_ns = 0
        self.seen: list[float] = []

    @property
    def spec(self) -> GraphSpec:
        return self._spec

    def run(self, inputs: Tensors) -> Tensors:
        self.t_ns += self._run_ns
        self.seen.append(float(inputs["foresight_age"]))
        return {tensor.name: np.zeros(tensor.shape, tensor.dtype) for tensor in self._spec.outputs}


@pytest.fixture
def request_for(source: BundleSource, evidence: Evidence) -> TrialRequest:
    """The action graph of the bundle, to be tried on all inputs."""
    return TrialRequest(
        name="action fp32",
        graph=ACTION_GRAPH,
        plan=source.folder / "action.fp32.onnx",
        spec=source.manifest.action,
        inputs={"heldout": evidence.inputs(ACTION_GRAPH), "parity": evidence.parity_inputs(ACTION_GRAPH)},
        timed="heldout",
        timing=TimingPlan(warm_up=2, runs=20),
    )


def test_a_slow_engine_is_timed_on_fewer_runs(evidence: Evidence, source: BundleSource) -> None:
    engine = Counting(source.manifest.action, 10**9)
    plan = TimingPlan(warm_up=2, runs=100, time_max_s=10.0, runs_min=5)
    latency = measure(engine, evidence.inputs(ACTION_GRAPH), plan, lambda: engine.t_ns)
    assert (latency.runs, latency.p50_ms, latency.p99_ms) == (11, 1000.0, 1000.0)
    assert len(engine.seen) == 13


def test_timing_rotates_over_real_inputs(evidence: Evidence, source: BundleSource) -> None:
    engine = Counting(source.manifest.action, 1)
    measure(engine, evidence.inputs(ACTION_GRAPH), TimingPlan(warm_up=0, runs=50), lambda: 0)
    assert evidence.reference is not None
    ages = [float(age) for age in evidence.reference.samples["foresight_age"]]
    assert seen_twice(ages, 50) == engine.seen


def seen_twice(ages: list[float], runs: int) -> list[float]:
    """Return the ages as often as they come in so many runs."""
    return (ages * 2)[:runs]


def test_inputs_that_are_missing_are_named(evidence: Evidence, source: BundleSource) -> None:
    inputs: Mapping[str, Any] = {"tokens": evidence.inputs(ACTION_GRAPH)["tokens"]}
    with pytest.raises(BundleError, match="no samples of joints, foresight_age, noise"):
        measure(Counting(source.manifest.action, 1), inputs, TimingPlan(), lambda: 0)


def test_another_process_finds_the_same(request_for: TrialRequest, tmp_path: Path) -> None:
    told: list[str] = []
    watch = Watch(command=program("trial"), progress=lambda _done, _total, text: told.append(text), clock_ns=lambda: 0)
    there = run_trial(request_for, tmp_path, watch)
    here = try_out(request_for, lambda plan, name, spec: open_engine(plan, name, spec, 1), lambda: 0, silent)
    for name in ("heldout", "parity"):
        np.testing.assert_array_equal(there.answers[name], here.answers[name])
    assert there.latency is not None
    assert there.latency.runs == 20
    assert 0 < there.latency.p50_ms <= there.latency.p99_ms
    assert any("timed" in text for text in told)
    assert not list(tmp_path.glob("*.inputs.npz"))  # they would fill the disk, candidate by candidate


def test_what_another_process_cannot_open_is_told(
    request_for: TrialRequest, tmp_path: Path, source: BundleSource
) -> None:
    (source.folder / "action.fp32.onnx").write_bytes(b"no plan")
    watch = Watch(command=program("trial"), progress=silent, clock_ns=lambda: 0)
    with pytest.raises(DeviceError, match="action: ONNX Runtime cannot open it"):
        run_trial(request_for, tmp_path, watch)


def test_the_largest_difference_counts_what_is_no_number_as_infinite() -> None:
    reference = np.zeros((3, 2))
    found = np.array([[0.0, 0.5], [-2.0, 0.0], [1.0, 0.0]])
    assert largest_difference(reference, found) == (2.0, 1)
    found[2, 1] = np.nan
    assert largest_difference(reference, found) == (np.inf, 2)
