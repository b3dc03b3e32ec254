"""The serial port that the arm hangs on: the adapter, who may open it, who has it open, and which programs would like to."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from bench.doctor.accounts import Accounts, read_accounts
from bench.doctor.reading import entries, text
from drivers.holders import Holder, find_holders
from drivers.serial.adapters import FoundAdapter, describe_port, find_adapters, stable_name

# Programs that open every new port to ask what it is; brltty takes CH340 chips for braille displays.
MEDDLERS = {"ModemManager": "ModemManager", "brltty": "brltty"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PortFacts:
    """What is known of a port; most of it only where it is there."""

    port: str  # as the robot file calls it
    there: bool
    is_device: bool
    others: tuple[str, ...]  # names of the ports that are there instead
    latency_ms: int | None
    chip: str
    stable: str  # the name that stays when things are plugged in anew
    group: str  # that may open it
    group_may: bool  # its mode lets the group read and write
    permitted: bool  # this user may open it
    holders: tuple[Holder, ...]
    foreign: tuple[Holder, ...]  # those of them that are no processes of ours
    meddlers: tuple[str, ...]  # programs that run and take ports


def read_port(port: str, root: Path) -> PortFacts:
    """Return what is told of `port` below `root`."""
    sys, dev, proc = root / "sys", root / "dev", root / "proc"
    path = root / port.lstrip("/")
    adapter: FoundAdapter = describe_port(str(path), sys, dev)
    status = _status(path)
    accounts: Accounts = read_accounts(root)
    holders = tuple(find_holders(str(path), proc)) if proc.is_dir() else ()
    names = [found.path for found in find_adapters(sys, dev)] if status is None else []
    return PortFacts(
        port=port,
        there=status is not None,
        is_device=status is not None and (stat.S_ISCHR(status.st_mode) or root != Path("/")),
        others=tuple(_told(name, root) for name in names),
        latency_ms=adapter.latency_ms,
        chip=adapter.chip,
        stable=_told(stable_name(Path(adapter.device), dev / "serial"), root),
        group=accounts.name_of(status.st_gid) if status else "",
        group_may=status is not None and status.st_mode & 0o060 == 0o060,
        permitted=os.access(path, os.R_OK | os.W_OK),
        holders=holders,
        foreign=tuple(holder for holder in holders if not _is_ours(proc / str(holder.pid))),
        meddlers=running(root, MEDDLERS),
    )


def running(root: Path, names: dict[str, str]) -> tuple[str, ...]:
    """Return which of the programs run."""
    comms = {text(entry) for entry in entries(root / "proc", "[0-9]*/comm")}
    return tuple(shown for name, shown in names.items() if name in comms)


def _is_ours(process: Path) -> bool:
    """Return whether a process was started as one of ours, whatever Python it runs in."""
    started_as = (text(process / "cmdline") or "").split("\0")
    return any(word == "runtime.command_process" or word.rpartition("/")[2] == "forerun" for word in started_as)


def _told(path: str, root: Path) -> str:
    """Return a path below `root` as that machine calls it."""
    return path if root == Path("/") else "/" + path.removeprefix(str(root)).lstrip("/")


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except (OSError, ValueError):
        return None
