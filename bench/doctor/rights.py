"""What this user may do, and what the service's user will be allowed: groups, limits, and how this kernel shares real time."""

from __future__ import annotations

import gzip
import os
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from bench.doctor.accounts import read_accounts
from bench.doctor.reading import below, entries, lines, text
from interfaces.installed import SERVICE_USER

_CONFIG_BYTES_MAX = 1 << 22
_UNITS = "etc/systemd/system"
_SUPPLEMENTARY = re.compile(r"\s*SupplementaryGroups\s*=\s*(.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class RightsFacts:
    """Who is in which groups, and the limits of this process."""

    user: str
    is_root: bool
    user_groups: frozenset[str]
    service_groups: frozenset[str] | None  # None where there is no such user
    known_groups: frozenset[str]
    realtime_priority: float | None  # inf: no limit
    locked_memory_bytes: float | None
    nice: float | None  # 20 less the lowest: 40 is -20
    rt_group_sched: bool | None  # the kernel shares real time between control groups, and gives most of them none


def read_rights(root: Path) -> RightsFacts:
    """Return what is told below `root`."""
    accounts = read_accounts(root)
    user = accounts.user_of(os.getuid())
    own = {accounts.name_of(gid) for gid in (*os.getgroups(), os.getegid())} if root == Path("/") else set[str]()
    limits = lines(root / "proc/self/limits")
    service = frozenset(accounts.groups_of(SERVICE_USER) | _of_units(root)) if SERVICE_USER in accounts.users else None
    return RightsFacts(
        user=user,
        is_root=os.getuid() == 0,
        user_groups=frozenset(own or accounts.groups_of(user)),  # those of this login, not those of the next
        service_groups=service,
        known_groups=frozenset(accounts.groups),
        realtime_priority=_limit(limits, "Max realtime priority"),
        locked_memory_bytes=_limit(limits, "Max locked memory"),
        nice=_limit(limits, "Max nice priority"),
        rt_group_sched=_rt_group_sched(root),
    )


def _of_units(root: Path) -> set[str]:
    """Return the groups that our units give to their processes beside those of their user."""
    found: set[str] = set()
    files = [*entries(root / _UNITS, "forerun-*.service"), *entries(root / _UNITS, "forerun-*.service.d/*.conf")]
    for line in (line for file in files for line in lines(file)):
        match = _SUPPLEMENTARY.fullmatch(line)
        found |= set(match.group(1).split()) if match else set()
    return found


def _limit(limits: list[str], name: str) -> float | None:
    """Return the soft limit of a line as "Max realtime priority     95                   95"."""
    line = next((line for line in limits if line.startswith(name)), "")
    word = next(iter(line.removeprefix(name).split()), "")
    if word == "unlimited":
        return float("inf")
    return float(word) if word.isascii() and word.isdecimal() and len(word) < 25 else None


def _rt_group_sched(root: Path) -> bool | None:
    release = text(root / "proc/sys/kernel/osrelease") or ""
    for config in (_unpacked(root / "proc/config.gz"), text(below(root, f"boot/config-{release}"), _CONFIG_BYTES_MAX)):
        if config:
            return "\nCONFIG_RT_GROUP_SCHED=y" in config and "\nCONFIG_RT_GROUP_SCHED_DEFAULT_DISABLED=y" not in config
    return None


def _unpacked(path: Path) -> str | None:
    try:
        with gzip.open(path) as file:
            return file.read(_CONFIG_BYTES_MAX).decode("utf-8", "replace")
    except (OSError, EOFError, zlib.error):
        return None
