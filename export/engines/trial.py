"""An engine on trial: how long it takes on this board, and what it makes of real inputs."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interfaces.bundle_manifest import GraphSpec
from interfaces.engine import Engine
from interfaces.errors import BundleError
from interfaces.progress import Progress

Arrays = Mapping[str, NDArray[Any]]  # by tensor name, (sample, ...)
OpenPlan = Callable[[bytes, str, GraphSpec], Engine]  # plan, name for messages, tensors


@dataclass(frozen=True, slots=True, kw_only=True)
class TimingPlan:
    """How often an engine is run to see how fast it is."""

    warm_up: int = 30  # the first runs load code, and a board's clocks rise only under load
    runs: int = 300
    time_max_s: float = 30.0  # a slow one gets fewer runs, at least `runs_min`
    runs_min: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRequest:
    """One engine to try."""

    name: str  # for messages
    graph: str
    plan: Path
    spec: GraphSpec
    inputs: Mapping[str, Arrays]  # sets of inputs, each to be answered
    timed: str = ""  # the set that it is timed on; empty for none
    timing: TimingPlan


@dataclass(frozen=True, slots=True)
class Latency:
    """How long runs took."""

    runs: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What an engine does."""

    answers: dict[str, NDArray[Any]]  # by set of inputs: its one output, (sample, ...)
    latency: Latency | None  # where it was timed


def try_out(request: TrialRequest, open_plan: OpenPlan, clock_ns: Callable[[], int], progress: Progress) -> TrialResult:
    """Return what an engine does, opened in this process. Raises BundleError, DeviceError; OSError where there is no plan."""
    parts = len(request.inputs) + bool(request.timed)
    with opened(open_plan, request.plan.read_bytes(), request.graph, request.spec) as engine:
        made: dict[str, NDArray[Any]] = {}
        for name, inputs in request.inputs.items():
            progress(len(made), parts, "on trial")
            made[name] = answers(engine, inputs)
        latency = None
        if request.timed:  # after it has run a while
            progress(len(made), parts, "timed")
            latency = measure(engine, request.inputs[request.timed], request.timing, clock_ns)
    progress(parts, parts, "tried")
    return TrialResult(made, latency)


def measure(engine: Engine, inputs: Arrays, plan: TimingPlan, clock_ns: Callable[[], int]) -> Latency:
    """Return how long runs take, each on the next of the inputs: what a network is given may change how fast it is."""
    rows = _rows(engine.spec, inputs)
    for index in range(plan.warm_up):
        engine.run(rows[index % len(rows)])
    durations_ms: list[float] = []
    t_start_ns = clock_ns()
    for index in range(plan.runs):
        t_run_ns = clock_ns()
        engine.run(rows[index % len(rows)])
        t_end_ns = clock_ns()
        durations_ms.append((t_end_ns - t_run_ns) * 1e-6)
        if index + 1 >= plan.runs_min and t_end_ns - t_start_ns > plan.time_max_s * 1e9:
            break
    p50_ms, p99_ms = (float(value) for value in np.percentile(durations_ms, (50, 99)))
    return Latency(len(durations_ms), p50_ms, p99_ms)


def answers(engine: Engine, inputs: Arrays) -> NDArray[Any]:
    """Return the one output of a graph on every sample, (sample, ...)."""
    rows = _rows(engine.spec, inputs)
    tensor = engine.spec.outputs[0]
    made = np.empty((len(rows), *tensor.shape), np.dtype(tensor.dtype))
    for index, row in enumerate(rows):
        made[index, ...] = engine.run(row)[tensor.name]
    return made


def largest_difference(reference: NDArray[Any], found: NDArray[Any]) -> tuple[float, int]:
    """Return the largest absolute difference and the sample it is on; infinite where something found is no finite number."""
    off = np.abs(found.astype(np.float64) - reference.astype(np.float64)).reshape(len(reference), -1).max(axis=1)
    off[~np.isfinite(off)] = math.inf
    worst = int(off.argmax())
    return float(off[worst]), worst


@contextlib.contextmanager
def opened(open_plan: OpenPlan, plan: bytes, name: str, spec: GraphSpec) -> Generator[Engine, None, None]:
    """Open an engine, and give back what it holds: the next candidate needs the memory."""
    engine = open_plan(plan, name, spec)
    try:
        yield engine
    finally:
        close = getattr(engine, "close", None)  # ONNX Runtime's has none
        if close is not None:
            close()


def _rows(spec: GraphSpec, inputs: Arrays) -> list[dict[str, NDArray[Any]]]:
    missing = [tensor.name for tensor in spec.inputs if tensor.name not in inputs]
    if missing:
        raise BundleError(f"no samples of {', '.join(missing)}")
    n_samples = min(len(inputs[tensor.name]) for tensor in spec.inputs)
    return [{tensor.name: inputs[tensor.name][row, ...] for tensor in spec.inputs} for row in range(n_samples)]
