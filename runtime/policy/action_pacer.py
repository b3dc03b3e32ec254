"""When to act: at a rate, and on each new foresight at once. Pure.

    foresight    |        |               |               |
    action       |   |   ||       |       |       |       |     each turn a period after the last, or with a new foresight

A turn that falls next to an expected foresight waits for it: so the two rates lock onto each other, and hardly a chunk is made from
a foresight that is replaced while it is made.
"""

from __future__ import annotations


class ActionPacer:
    """Says when a turn is due for which no new foresight came; each foresight beyond the rate may add one turn, and mostly does not."""

    def __init__(self, rate_hz: float) -> None:
        self._period_ns = round(1e9 / rate_hz)
        self._t_due_ns = 0

    def wait_ns(self, t_now_ns: int, t_foresight_due_ns: int) -> int:
        """Return how long to wait for a foresight before acting without one; the next is expected at `t_foresight_due_ns`."""
        near = abs(t_foresight_due_ns - self._t_due_ns) <= self._period_ns // 4
        return max(0, self._t_due_ns + (self._period_ns // 2 if near else 0) - t_now_ns)

    def begin(self, t_now_ns: int, *, fresh: bool) -> None:
        """Take the turn; the next is due a period after a `fresh` foresight, else after this one was due (or is, where it was missed)."""
        if fresh or t_now_ns > self._t_due_ns + self._period_ns:
            self._t_due_ns = t_now_ns
        self._t_due_ns += self._period_ns
