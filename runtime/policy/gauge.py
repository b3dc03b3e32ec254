"""A gauge of what a loop does over and over: how often, how long it takes, in a small ring that never grows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_RATE_WINDOW_NS = 2_000_000_000


class Percentiles(NamedTuple):
    """Median and 99th percentile, in milliseconds."""

    p50_ms: float
    p99_ms: float


class Gauge:
    """Counts, and keeps the last durations with the instants they ended at; one thread adds, any thread reads."""

    def __init__(self, capacity: int = 512) -> None:
        self._t_done_ns = np.zeros(capacity, np.int64)
        self._duration_ns = np.zeros(capacity, np.int64)
        self.count = 0

    def add(self, t_done_ns: int, duration_ns: int) -> None:
        """Note one turn that took, or one value that was, `duration_ns` at `t_done_ns`."""
        index = self.count % len(self._t_done_ns)
        self._t_done_ns[index], self._duration_ns[index] = t_done_ns, duration_ns
        self.count += 1  # last: a reader sees only entries that are whole

    def rate_hz(self, t_now_ns: int) -> float:
        """Return the turns a second over the last two seconds."""
        recent = self._t_done_ns[: self._held] > t_now_ns - _RATE_WINDOW_NS
        return float(np.count_nonzero(recent)) * 1e9 / _RATE_WINDOW_NS

    def percentiles(self) -> Percentiles | None:
        """Return the percentiles of the durations held, or None before the first."""
        if self._held == 0:
            return None
        p50, p99 = np.percentile(self._duration_ns[: self._held], (50, 99)) * 1e-6
        return Percentiles(round(float(p50), 3), round(float(p99), 3))

    @property
    def _held(self) -> int:
        return min(self.count, len(self._t_done_ns))
