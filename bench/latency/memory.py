"""The memory that opening an engine takes: the resident set of a process of its own, before and after opening and one run.

What the library itself takes when it is imported comes before and is not counted: it is there once, however many graphs there are.
Memory that belongs to a GPU's driver is in no resident set, not even where it is the same memory, as on a Jetson.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from interfaces.errors import DeviceError

_TIME_LIMIT_S = 600.0


def resident_bytes() -> int:
    """Return the resident set of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def memory_command(way: str, folder: Path, precision: str, graph: str, threads: int) -> tuple[str, ...]:
    """Return the program that opens one contender of a bundle, runs it once, and prints by how many bytes it grew."""
    asked = (way, str(folder.resolve()), precision, graph, str(threads))
    return (sys.executable, "-I", "-m", "bench.latency.memory_main", *asked)


def grown_bytes(command: tuple[str, ...]) -> int:
    """Return what a program that measures itself prints last; raises DeviceError with its last words when it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIME_LIMIT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise DeviceError(f"its memory was not measured: it took more than {_TIME_LIMIT_S:.0f} s") from error
    words = done.stdout.split()
    if done.returncode != 0 or not words or not words[-1].lstrip("-").isdigit():
        last = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise DeviceError(f"its memory was not measured: the process ended with {done.returncode} and said: {last}")
    return int(words[-1])
