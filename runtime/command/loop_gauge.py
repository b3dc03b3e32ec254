"""How well the loop keeps its rate: what it sent in the last second, how late, and how many periods it missed. Pure."""

from __future__ import annotations

import numpy as np

_WINDOW_NS = 1_000_000_000
_SHARE = 0.99


class LoopGauge:
    """Counts commands; it is told each of them, and sets nothing aside while the loop runs."""

    def __init__(self, period_ns: int) -> None:
        """Set up for a loop of `period_ns`."""
        size = 2 * max(1, round(_WINDOW_NS / period_ns))  # a command may be sent late, and the next one on time
        self._t_sent_ns = np.zeros(size, np.int64)
        self._late_ns = np.zeros(size, np.int64)
        self._count = 0
        self.missed = 0

    def sent(self, t_deadline_ns: int, t_sent_ns: int) -> None:
        """Note a command and the beat it was for."""
        at = self._count % len(self._t_sent_ns)
        self._t_sent_ns[at], self._late_ns[at] = t_sent_ns, t_sent_ns - t_deadline_ns
        self._count += 1

    def rate_hz(self, t_now_ns: int) -> float:
        """Return how many commands were sent in the last second."""
        return float(np.count_nonzero(self._recent(t_now_ns)))

    def late_p99_ns(self, t_now_ns: int) -> int:
        """Return the lateness that 99 of 100 commands of the last second kept; -1 where there was none."""
        late_ns = self._late_ns[self._recent(t_now_ns)]
        if len(late_ns) == 0:
            return -1
        k = min(len(late_ns) - 1, int(len(late_ns) * _SHARE))
        return int(np.partition(late_ns, k)[k])

    def _recent(self, t_now_ns: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        return (self._t_sent_ns > t_now_ns - _WINDOW_NS) & (self._t_sent_ns > 0)
