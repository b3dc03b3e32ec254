"""Which processes have a device file open: the answer to "busy". Read from /proc, of which a user sees their own processes."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Holder:
    """One process that has a device open."""

    pid: int
    name: str

    def shown(self) -> str:
        """Return it in a few words."""
        return f"{self.name} (process {self.pid})"


def find_holders(path: str, proc: Path = PROC) -> list[Holder]:
    """Return the other processes that have the device file at `path` open, by process id; those of other users only for root."""
    device = str(Path(path).resolve())
    pids = sorted(int(entry.name) for entry in proc.iterdir() if entry.name.isdecimal())
    return [
        Holder(pid, _name(proc / str(pid))) for pid in pids if pid != os.getpid() and device in _open_files(proc, pid)
    ]


def _open_files(proc: Path, pid: int) -> set[str]:
    with suppress(OSError):  # it ended meanwhile, or is another user's
        return {_target(entry) for entry in (proc / str(pid) / "fd").iterdir()}
    return set()


def _target(link: Path) -> str:
    with suppress(OSError):  # closed meanwhile
        return str(link.readlink())
    return ""


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "a process that just ended"
