"""How long one engine takes, alone, on the real inputs that its bundle carries."""

from __future__ import annotations

import time

from interfaces.engine import Engine
from interfaces.graph_contract import parity_key
from interfaces.npz_file import Arrays

_WARM_UP = 10


def durations_ms(graph: str, engine: Engine, parity: Arrays, runs: int) -> list[float]:
    """Return how long each of `runs` inferences took, after a warm-up."""
    inputs = {tensor.name: parity[parity_key(graph, tensor.name)] for tensor in engine.spec.inputs}
    n_samples = len(next(iter(inputs.values())))
    durations: list[float] = []
    for i_run in range(_WARM_UP + runs):
        sample = {name: array[i_run % n_samples, ...] for name, array in inputs.items()}
        t_start_ns = time.monotonic_ns()
        engine.run(sample)
        durations.append((time.monotonic_ns() - t_start_ns) * 1e-6)
    return durations[_WARM_UP:]
