"""A virtual clock's queue: what happens when, in the order of instants, and at the same instant in the order of asking."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

Happen = Callable[[int], None]  # is told the instant


class Events:
    """What is still to happen."""

    def __init__(self) -> None:
        self._queue: list[tuple[int, int, Happen]] = []
        self._order = itertools.count()

    def at(self, t_ns: int, happen: Happen) -> None:
        """Have something happen at an instant."""
        heapq.heappush(self._queue, (t_ns, next(self._order), happen))

    def pop(self) -> tuple[int, Happen]:
        """Return the next instant, and what is to happen at it."""
        t_ns, _, happen = heapq.heappop(self._queue)
        return t_ns, happen

    def happen_until(self, t_ns: int) -> None:
        """Let happen what is due by an instant, that included."""
        while self._queue and self._queue[0][0] <= t_ns:
            t_event_ns, happen = self.pop()
            happen(t_event_ns)
