"""How long a process took to start, and for what: counted from its very beginning, the interpreter's own start included."""

from __future__ import annotations

import os
import time
from pathlib import Path


class StartClock:
    """Notes what was done when."""

    def __init__(self) -> None:
        """Begin where the kernel began this process; to 10 ms, as it tells."""
        self._t_begin_ns = _t_begin_ns()
        self._t_last_ns = self._t_begin_ns
        self._steps: list[str] = []

    def done(self, what: str) -> None:
        """Note that `what` is done; it took as long as nothing else was noted."""
        t_now_ns = time.monotonic_ns()
        self._steps.append(f"{what} {(t_now_ns - self._t_last_ns) * 1e-9:.1f} s")
        self._t_last_ns = t_now_ns

    def words(self) -> str:
        """Return how long it took until the last step, and each step, for people."""
        return f"{(self._t_last_ns - self._t_begin_ns) * 1e-9:.1f} s after its start ({', '.join(self._steps)})"


def _t_begin_ns() -> int:
    """Return the instant this process began; now, where the kernel does not tell. Source: proc_pid_stat(5), field 22."""
    t_now_ns, ticks_hz = time.monotonic_ns(), os.sysconf("SC_CLK_TCK")
    try:
        fields = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        began_ns = int(fields[19]) * 1_000_000_000 // ticks_hz
    except (OSError, ValueError, IndexError):
        return t_now_ns
    return t_now_ns - max(0, time.clock_gettime_ns(time.CLOCK_BOOTTIME) - began_ns)
