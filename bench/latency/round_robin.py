"""Contenders measured side by side: in turns, a block of runs each, so that what else the machine does hits all of them alike.

A round gives every contender one block; each round begins with another one. The first runs of a block are not counted: they find the caches
full of somebody else's weights, which a robot's graphs, that run again and again, do not. Ratios are taken round by round, of the
fastest runs of blocks that were measured within moments of each other: what else runs on the machine can only make a run slower.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.latency.contender import Contender, Rows
from interfaces.progress import Progress

BLOCK = 10  # counted runs
SETTLING = 2  # runs before them
WARM_UP = 10  # runs of each contender before the first round
# Before a block the threads of the one before come to rest: ONNX Runtime's, by default, were seen to spin for 30 ms after a run.
_PAUSE_S, _PAUSES_MAX = 0.005, 40
_AT_REST_NS = 100_000  # of processor time in a pause


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The durations of one contender."""

    contender: Contender
    durations_ms: NDArray[np.float64]  # (round, run of its block)
    processor_ms: NDArray[np.float64]  # (round,): of all threads of the process, a run's share of its block

    @property
    def cpu_ms(self) -> float:
        """Return the processor time of a run, median over the rounds."""
        return float(np.median(self.processor_ms))

    @property
    def min_ms(self) -> float:
        """Return the shortest."""
        return float(self.durations_ms.min())

    @property
    def p50_ms(self) -> float:
        """Return the median."""
        return float(np.median(self.durations_ms))

    @property
    def p99_ms(self) -> float:
        """Return the 99th percentile."""
        return float(np.percentile(self.durations_ms, 99))

    @property
    def max_ms(self) -> float:
        """Return the longest."""
        return float(self.durations_ms.max())

    def speed_against(self, other: Measured) -> tuple[float, float, float]:
        """Return how many times as fast as another this is: the median over the rounds, and the quartiles around it."""
        ratios = other.durations_ms.min(axis=1) / self.durations_ms.min(axis=1)
        low, middle, high = np.percentile(ratios, (25, 50, 75))
        return float(middle), float(low), float(high)


def measure(contenders: Sequence[Contender], rows: Rows, runs: int, progress: Progress | None = None) -> list[Measured]:
    """Return at least `runs` durations of every contender, all of one graph, on rotating rows of inputs."""
    rounds = max(1, -(-runs // BLOCK))
    durations_ms = np.zeros((len(contenders), rounds, BLOCK))
    processor_ms = np.zeros((len(contenders), rounds))
    for contender in contenders:
        for i_run in range(WARM_UP):
            contender.run(rows[i_run % len(rows)])
    collecting = gc.isenabled()
    gc.disable()  # it would hit whoever allocates last
    try:
        for i_round in range(rounds):
            for turn in range(len(contenders)):
                place = (i_round + turn) % len(contenders)
                durations_ms[place, i_round], processor_ms[place, i_round] = _block(contenders[place], rows, i_round)
            if progress is not None:
                progress(i_round + 1, rounds, contenders[0].graph)
    finally:
        if collecting:
            gc.enable()
    return [
        Measured(contender=contender, durations_ms=durations_ms[place], processor_ms=processor_ms[place])
        for place, contender in enumerate(contenders)
    ]


def _block(contender: Contender, rows: Rows, i_round: int) -> tuple[list[float], float]:
    """Return the durations of a block, and a run's share of its processor time; all see the same rows in a round."""
    durations: list[float] = []
    t_processor_ns = 0
    _rest()
    for i_run in range(-SETTLING, BLOCK):
        if i_run == 0:
            t_processor_ns = time.process_time_ns()
        row = rows[(i_round * BLOCK + i_run) % len(rows)]
        t_start_ns = time.monotonic_ns()
        contender.run(row)
        durations.append((time.monotonic_ns() - t_start_ns) * 1e-6)
    processor_ms = (time.process_time_ns() - t_processor_ns) * 1e-6 / BLOCK
    return durations[SETTLING:], processor_ms


def _rest() -> None:
    """Wait until this process takes no processor time by itself."""
    quiet = 0
    for _ in range(_PAUSES_MAX):
        t_processor_ns = time.process_time_ns()
        time.sleep(_PAUSE_S)
        quiet = quiet + 1 if time.process_time_ns() - t_processor_ns < _AT_REST_NS else 0
        if quiet == 2:
            return
