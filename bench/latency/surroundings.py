"""What a figure was measured on, and under what load: without that it says little."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from bench.doctor.machine import Counters, read_counters


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The machine, and what else it did."""

    processor: str
    cores: int
    load_before_ratio: float  # of the last minute: processes that ran or wanted to, a core
    load_after_ratio: float
    stolen_ratio: float  # of all processor time in between, by the machine below a virtual one

    @property
    def words(self) -> str:
        """Return it as a line."""
        stolen = f", {100 * self.stolen_ratio:.1f} % of the time stolen" if self.stolen_ratio else ""
        load = f"load {self.cores * self.load_before_ratio:.1f} before, {self.cores * self.load_after_ratio:.1f} after{stolen}"
        return f"{self.processor}, {self.cores} cores; {load}"


class Watch:
    """Looks at the machine from now on."""

    def __init__(self) -> None:
        self._load = os.getloadavg()[0]
        self._counters = read_counters()

    def seen(self) -> Surroundings:
        """Return what there was since the beginning."""
        cores = os.cpu_count() or 1
        return Surroundings(
            processor=_processor(),
            cores=cores,
            load_before_ratio=self._load / cores,
            load_after_ratio=os.getloadavg()[0] / cores,
            stolen_ratio=_stolen(self._counters, read_counters()),
        )


def _stolen(before: Counters, after: Counters) -> float:
    ticks = after.all_ticks - before.all_ticks
    return (after.stolen_ticks - before.stolen_ticks) / ticks if ticks else 0.0


def _processor() -> str:
    board = Path("/proc/device-tree/model")  # of a Jetson
    if board.is_file():
        return board.read_text(encoding="utf-8").strip("\0\n ")
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
