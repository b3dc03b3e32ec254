"""What each part of the TensorRT runner is worth on this board: CUDA graph, memory that is not copied, priority of the action graph.

    python -m bench.tensorrt_runner robots/bundles/so101-small

For a machine with a GPU on which `forerun build` was run. The first table has each graph alone: one row as the runtime has it, the
others with one thing changed. The second has the action graph while the foresight graph runs without a pause in another thread, with
and without priority. `cpu` is the processor time of the thread that runs the engine: waiting is asleep, so it is below the whole.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from interfaces.bundle_manifest import GraphSpec, load_manifest
from interfaces.engine import Engine, Tensors
from interfaces.errors import ForerunError
from interfaces.graph_contract import ACTION_GRAPH, FORESIGHT_GRAPH, parity_key, specs_of
from runtime.policy.inference_choice import find_engines
from runtime.policy.parity import Arrays, read_parity
from runtime.tensorrt.buffers import SHARED_AT_MOST_BYTES
from runtime.tensorrt.engine import TensorrtEngine
from runtime.tensorrt.probe import found

_WARM_UP = 20
_EVERY_SIZE = 1 << 62


@dataclass(frozen=True, slots=True)
class Graph:
    """One graph of the bundle: its engine's plan, its tensors and real inputs."""

    name: str
    plan: bytes
    spec: GraphSpec
    samples: tuple[Tensors, ...]

    def opened(
        self, *, urgent: bool, shared_at_most_bytes: int = SHARED_AT_MOST_BYTES, recorded: bool = True
    ) -> TensorrtEngine:
        """Return its engine, opened so."""
        return TensorrtEngine(
            self.plan, self.name, self.spec, urgent=urgent, shared_at_most_bytes=shared_at_most_bytes, recorded=recorded
        )


@dataclass(frozen=True, slots=True)
class Durations:
    """How long runs took."""

    p50_ms: float
    p99_ms: float
    max_ms: float
    cpu_ms: float  # of the thread, in the mean

    @property
    def row(self) -> str:
        """The figures, for a table."""
        return f"{self.p50_ms:>8.3f} {self.p99_ms:>8.3f} {self.max_ms:>8.3f} {self.cpu_ms:>8.3f}"


def main() -> None:
    """Print both tables for one bundle."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, help="folder of the bundle")
    parser.add_argument("--runs", type=int, default=500, help="inferences per row (default: 500)")
    arguments = parser.parse_args()
    try:
        graphs = load_graphs(arguments.bundle)
        sys.stdout.write(f"{found().line}; {arguments.runs} runs, milliseconds\n")
        for line in itertools.chain(alone(graphs, arguments.runs), together(graphs, arguments.runs)):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
    except ForerunError as error:
        sys.exit(str(error))


def load_graphs(bundle: Path) -> dict[str, Graph]:
    """Return the two graphs with the engines that were built for them here; raises BundleError, ConfigError or DeviceError."""
    manifest = load_manifest(bundle)
    entry = find_engines(manifest, found())
    if entry is None:
        sys.exit(
            f"no engines were built for bundle {manifest.name} on this board: `forerun build {bundle}` builds them"
        )
    parity = read_parity(manifest.parity.file, (bundle / manifest.parity.file).read_bytes())
    specs = specs_of(manifest)
    return {
        name: Graph(name, entry.read_plan(name), spec, _samples(name, spec, parity)) for name, spec in specs.items()
    }


def alone(graphs: Mapping[str, Graph], runs: int) -> Iterator[str]:
    """Yield the rows of each graph by itself."""
    yield f"{'alone':<34} {'p50':>8} {'p99':>8} {'max':>8} {'cpu':>8}"
    for graph in graphs.values():
        settings: dict[str, tuple[int, bool]] = {
            "as the runtime has it": (SHARED_AT_MOST_BYTES, True),
            "no CUDA graph": (SHARED_AT_MOST_BYTES, False),
            "every tensor copied": (0, True),
            "no tensor copied": (_EVERY_SIZE, True),
        }
        for what, (shared_at_most_bytes, recorded) in settings.items():
            engine = graph.opened(urgent=True, shared_at_most_bytes=shared_at_most_bytes, recorded=recorded)
            yield f"{graph.name:<10} {what:<23} {durations(engine, graph.samples, runs).row}"
            engine.close()


def together(graphs: Mapping[str, Graph], runs: int) -> Iterator[str]:
    """Yield the rows of the action graph beside the foresight graph."""
    foresight, action = graphs[FORESIGHT_GRAPH], graphs[ACTION_GRAPH]
    yield f"{'action beside foresight':<34} {'p50':>8} {'p99':>8} {'max':>8} {'cpu':>8}"
    for what, urgent in (("ahead of it", True), ("of the same priority", False)):
        beside, engine = foresight.opened(urgent=False), action.opened(urgent=urgent)
        with _busy(beside, foresight.samples):
            took = durations(engine, action.samples, runs)
        yield f"{'':<10} {what:<23} {took.row}"
        beside.close()
        engine.close()


def durations(engine: Engine, samples: tuple[Tensors, ...], runs: int) -> Durations:
    """Return how long each of `runs` inferences took, on real inputs in turn, after some that do not count."""
    took_ms, t_cpu_ns = np.zeros(runs), 0
    for i_run in range(-_WARM_UP, runs):
        if i_run == 0:
            t_cpu_ns = time.thread_time_ns()
        t_start_ns = time.monotonic_ns()
        engine.run(samples[i_run % len(samples)])
        if i_run >= 0:
            took_ms[i_run] = (time.monotonic_ns() - t_start_ns) * 1e-6
    cpu_ms = (time.thread_time_ns() - t_cpu_ns) * 1e-6 / runs
    p50, p99, longest = np.percentile(took_ms, (50, 99, 100))
    return Durations(float(p50), float(p99), float(longest), cpu_ms)


@contextmanager
def _busy(engine: Engine, samples: tuple[Tensors, ...]) -> Generator[None]:
    """Run an engine without a pause in another thread meanwhile; raises what it raised."""
    stopped, failures = threading.Event(), list[ForerunError]()

    def work() -> None:
        try:
            for sample in itertools.cycle(samples):
                if stopped.is_set():
                    return
                engine.run(sample)
        except ForerunError as error:
            failures.append(error)

    thread = threading.Thread(target=work, name="foresight")
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
    if failures:
        raise failures[0]


def _samples(graph: str, spec: GraphSpec, parity: Arrays) -> tuple[Tensors, ...]:
    arrays = {tensor.name: parity[parity_key(graph, tensor.name)] for tensor in spec.inputs}
    count = len(next(iter(arrays.values())))
    return tuple({name: array[i, ...] for name, array in arrays.items()} for i in range(count))


if __name__ == "__main__":
    main()
