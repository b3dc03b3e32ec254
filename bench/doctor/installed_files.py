"""What install.sh put on this machine: versions, who may change them, sockets, and what listens to the network."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import islice
from pathlib import Path

from bench.doctor.accounts import read_accounts
from bench.doctor.reading import entries, lines
from interfaces.installed import SERVICE_USER, Installation

_LISTENING = "0A"
_LOOKED_AT_MAX = 60_000  # files; a version has some 15000
_NAMED_MAX = 3
_TABLES = ("proc/net/tcp", "proc/net/tcp6")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """`current` or `previous`: a link to a version."""

    there: bool
    target: str  # as it is written
    whole: bool  # it leads to a version with a Python of its own, in the folder of versions
    version: str  # the name of its folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """A tree that nobody but root may write."""

    what: str
    offenders: tuple[str, ...]  # the first few that somebody else may write
    count: int
    unreadable: int  # folders that this user may not look into


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A TCP port of ours that another machine may reach."""

    address: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledFacts:
    """What is there."""

    current: Link
    previous: Link
    owned: tuple[Owned, ...]
    run_mode: int | None  # of the folder of sockets; None where it is not there, or not for our eyes
    sockets: dict[str, int]  # mode of each
    listeners: tuple[Listener, ...] | None  # None where the kernel does not tell, or there is no user of ours
    robot_file: bool


def read_installed(installation: Installation, trusted_uid: int = 0) -> InstalledFacts:
    """Return what is told below the installation's root; `trusted_uid` is root's, but in tests."""
    trees = (
        ("code", installation.current), ("settings", installation.settings), ("bundles", installation.bundles),
        ("calibration records", installation.state / "calibration"), ("engines", installation.engines),
    )  # fmt: skip
    return InstalledFacts(
        current=_link(installation, installation.current),
        previous=_link(installation, installation.code / "previous"),
        owned=tuple(_owned(what, folder, trusted_uid) for what, folder in trees if folder.exists()),
        run_mode=_mode(installation.run),
        sockets={
            entry.name: mode for entry in entries(installation.run, "*.sock") if (mode := _mode(entry)) is not None
        },
        listeners=_listeners(installation.root),
        robot_file=installation.robot_file.is_file(),
    )


def _link(installation: Installation, link: Path) -> Link:
    try:
        target = str(link.readlink())
    except OSError:
        return Link(there=False, target="", whole=False, version="")
    place = link.resolve()
    inside = place.parent == (installation.code / "versions").resolve()
    python = place / "venv/bin/python"
    # The version's Python leads to the machine's; below another root it leads out of it, and counts as it stands.
    works = python.is_symlink() if installation.root != Path("/") else python.exists()
    whole = inside and works and (place / "complete").exists()  # the stamp that install.sh writes last
    return Link(there=True, target=target, whole=whole, version=place.name)


def _owned(what: str, folder: Path, trusted_uid: int) -> Owned:
    offenders: list[str] = []
    count = unreadable = 0
    for path, status in islice(_walk(folder), _LOOKED_AT_MAX):
        if status is None:
            unreadable += 1
        elif _others_may_write(status, trusted_uid):
            count += 1
            offenders += [str(path)] if len(offenders) < _NAMED_MAX else []
    return Owned(what=what, offenders=tuple(offenders), count=count, unreadable=unreadable)


def _others_may_write(status: os.stat_result, trusted_uid: int) -> bool:
    if stat.S_ISLNK(status.st_mode):  # its mode says nothing; where it leads is looked at there
        return status.st_uid != trusted_uid
    group = bool(status.st_mode & stat.S_IWGRP) and status.st_gid != 0
    return status.st_uid != trusted_uid or group or bool(status.st_mode & stat.S_IWOTH)


def _walk(folder: Path) -> Iterator[tuple[Path, os.stat_result | None]]:
    """Return what is in a folder, and below; without a status for a folder that may not be looked into."""
    waiting = [folder.resolve()]
    try:
        yield folder, folder.resolve().lstat()
    except OSError:
        yield folder, None
    while waiting:
        place = waiting.pop()
        try:
            with os.scandir(place) as inside:
                for entry in inside:
                    status = entry.stat(follow_symlinks=False)
                    yield Path(entry.path), status
                    if stat.S_ISDIR(status.st_mode):
                        waiting.append(Path(entry.path))
        except OSError:
            yield place, None


def _mode(path: Path) -> int | None:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None


def _listeners(root: Path) -> tuple[Listener, ...] | None:
    """Return the listening ports of the service's user that are not on loopback. Source: proc_net_tcp of the kernel's documentation."""
    accounts = read_accounts(root)
    if SERVICE_USER not in accounts.users or not (root / _TABLES[0]).is_file():
        return None
    # The status page is a user of its own, forerun-page.
    uids = {str(uid) for name, (uid, _) in accounts.users.items() if name.partition("-")[0] == SERVICE_USER}
    found: list[Listener] = []
    for line in (line for name in _TABLES for line in lines(root / name)[1:]):
        fields = line.split()
        if len(fields) > 7 and fields[3] == _LISTENING and fields[7] in uids:
            listener = _address(fields[1])
            found += [listener] if listener is not None and not ip_address(listener.address).is_loopback else []
    return tuple(found)


def _address(told: str) -> Listener | None:
    """Return "0100007F:21C2" as address and port: words of 32 bits, each with its lowest byte first."""
    place, _, port = told.partition(":")
    try:
        data = bytes.fromhex(place)
        words = [data[i : i + 4][::-1] for i in range(0, len(data), 4)]
        address = ip_address(b"".join(words))
        mapped = getattr(address, "ipv4_mapped", None)
        return Listener(address=str(mapped or address), port=int(port, 16))
    except ValueError:
        return None
