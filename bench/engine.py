"""How long the two graphs of a bundle take on this machine, by number of threads.

python -m bench.engine robots/bundles/so101-small
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from interfaces.bundle_manifest import BundleManifest, GraphSpec, load_manifest
from interfaces.engine import Engine
from interfaces.graph_contract import ACTION_GRAPH, FORESIGHT_GRAPH, parity_key
from runtime.policy.open_engine import open_engine
from runtime.policy.parity import Arrays, read_parity

_WARM_UP = 10


def main() -> None:
    """Print the table of one bundle."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, help="folder of the bundle")
    parser.add_argument("--runs", type=int, default=300, help="inferences per row of the table (default: 300)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="threads to try (default: 1 2)")
    arguments = parser.parse_args()
    manifest = load_manifest(arguments.bundle)
    parity = read_parity(manifest.parity.file, (arguments.bundle / manifest.parity.file).read_bytes())
    sys.stdout.write(f"{manifest.name} (fp32), {arguments.runs} runs, milliseconds\n")
    sys.stdout.write(f"{'graph':<10} {'threads':>7} {'p50':>8} {'p99':>8} {'max':>8}\n")
    for graph, (file, spec) in _graphs(manifest).items():
        for threads in arguments.threads:
            engine = open_engine((arguments.bundle / file).read_bytes(), file, spec, threads)
            p50, p99, longest = np.percentile(durations_ms(graph, engine, parity, arguments.runs), (50, 99, 100))
            sys.stdout.write(f"{graph:<10} {threads:>7} {p50:>8.3f} {p99:>8.3f} {longest:>8.3f}\n")


def durations_ms(graph: str, engine: Engine, parity: Arrays, runs: int) -> list[float]:
    """Return how long each of `runs` inferences took, on the real inputs that the bundle carries."""
    inputs = {tensor.name: parity[parity_key(graph, tensor.name)] for tensor in engine.spec.inputs}
    n_samples = len(next(iter(inputs.values())))
    durations: list[float] = []
    for i_run in range(_WARM_UP + runs):
        sample = {name: array[i_run % n_samples, ...] for name, array in inputs.items()}
        t_start_ns = time.monotonic_ns()
        engine.run(sample)
        durations.append((time.monotonic_ns() - t_start_ns) * 1e-6)
    return durations[_WARM_UP:]


def _graphs(manifest: BundleManifest) -> dict[str, tuple[str, GraphSpec]]:
    artefact = manifest.artefact("fp32")
    return {
        FORESIGHT_GRAPH: (artefact.foresight.file, manifest.foresight),
        ACTION_GRAPH: (artefact.action.file, manifest.action),
    }


if __name__ == "__main__":
    main()
