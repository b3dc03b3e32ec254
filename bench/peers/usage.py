"""What processes take of the machine, as the kernel counts it."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS_S = os.sysconf("SC_CLK_TCK")


def cpu_s(pids: list[int]) -> float:
    """Return the processor time that some processes used so far."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])  # user and system, counted after the name
    return total / _TICKS_S


def peak_mb(pids: list[int]) -> float:
    """Return the sum of the largest resident memory each process ever had."""
    return sum(_status_kb(pid, "VmHWM:") for pid in pids) / 1024


def folder_mb(folder: Path) -> float:
    """Return what a folder takes on disk; links count nothing."""
    return sum(file.lstat().st_blocks * 512 for file in folder.rglob("*") if not file.is_symlink()) / 1e6


def _status_kb(pid: int, key: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key))
