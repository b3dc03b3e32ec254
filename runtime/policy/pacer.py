"""Pacing on an absolute schedule: no drift, and no burst to catch up after a late turn. Pure."""

from __future__ import annotations


class Pacer:
    """Says when the next turn of a loop is due."""

    def __init__(self, rate_hz: float) -> None:
        self._period_ns = round(1e9 / rate_hz)
        self._t_due_ns: int | None = None

    def wait_ns(self, t_now_ns: int) -> int:
        """Return how long until the next turn is due; 0 when it is due or late."""
        return max(0, self._t_due_ns - t_now_ns) if self._t_due_ns is not None else 0

    def begin(self, t_now_ns: int) -> None:
        """Take the turn: the next one is due a period after this one was due, or after now when that has passed already."""
        due_ns = self._t_due_ns if self._t_due_ns is not None else t_now_ns
        self._t_due_ns = due_ns + self._period_ns
        if self._t_due_ns < t_now_ns:
            self._t_due_ns = t_now_ns + self._period_ns
