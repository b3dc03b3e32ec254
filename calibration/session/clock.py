"""The clock of a calibration program: the machine's own, or a simulation's, on which nobody sleeps."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Instants in ns, on the clock that frames and joint states are stamped with."""

    def now_ns(self) -> int:
        """Return the present instant."""
        ...

    def wait_until(self, t_ns: int) -> None:
        """Return at the instant `t_ns`, at once where it is over."""
        ...


class MonotonicClock:
    """time.monotonic_ns(), and sleeping."""

    def now_ns(self) -> int:
        """Return the present instant."""
        return time.monotonic_ns()

    def wait_until(self, t_ns: int) -> None:
        """Sleep until then."""
        left_ns = t_ns - time.monotonic_ns()
        if left_ns > 0:
            time.sleep(left_ns * 1e-9)
