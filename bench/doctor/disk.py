"""Where records, bundles and the journal are kept: room, kind of disk, and whether it takes anything."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from bench.doctor.reading import entries, lines, text, whole

_JOURNAL = "var/log/journal"
_FILES_MAX = 20_000  # a folder with more is not counted to its end


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder, and the file system it lies on."""

    path: Path  # that exists: the folder, or the next above it
    free_mb: float
    inodes_free_ratio: float | None  # None for a file system that has none to run out of
    read_only: bool
    disk: str  # "nvme0n1", "mmcblk0"; empty where it is no disk
    disk_kind: str  # "NVMe", "SD card", "eMMC", "disk", "memory", "network"; empty where it is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskFacts:
    """What is told; None for what cannot be looked at."""

    records: Place | None
    records_mb: float  # that are there already
    bundles: Place | None  # where new bundles would go
    system: Place | None
    journal_mb: float | None  # None where the journal is not kept over a restart


def read_disk(root: Path, records: Path, bundles: Path) -> DiskFacts:
    """Return what is told of the folders of records and bundles, and of the machine below `root`."""
    journal = root / _JOURNAL
    return DiskFacts(
        records=_place(root, records),
        records_mb=_size_mb(records),
        bundles=_place(root, bundles),
        system=_place(root, root),
        journal_mb=_size_mb(journal) if journal.is_dir() else None,
    )


def _place(root: Path, folder: Path) -> Place | None:
    folder = folder.absolute()
    there = next((each for each in (folder, *folder.parents) if each.is_dir()), None)
    if there is None:
        return None
    try:
        status = os.statvfs(there)
        device = there.stat().st_dev
    except OSError:
        return None
    disk, kind = _disk(root, os.major(device), os.minor(device))
    return Place(
        path=there,
        free_mb=status.f_bavail * status.f_frsize / 1e6,
        inodes_free_ratio=status.f_favail / status.f_files if status.f_files else None,
        read_only=bool(status.f_flag & os.ST_RDONLY),
        disk=disk,
        disk_kind=kind,
    )


def _disk(root: Path, major: int, minor: int) -> tuple[str, str]:
    """Return name and kind of the disk behind a device number."""
    row = next((row for row in _mounts(root) if row[0] == f"{major}:{minor}"), ("", "", ""))
    if row[1] in {"tmpfs", "ramfs"}:
        return "", "memory"
    if row[1] in {"nfs", "nfs4", "cifs", "9p", "fuse.sshfs", "virtiofs"}:
        return "", "network"
    name = row[2].removeprefix("/dev/") if row[2].startswith("/dev/") else ""
    return name, disk_kind(name, root / "sys")


def disk_kind(name: str, sys: Path) -> str:
    """Return what kind of disk a partition as "mmcblk0p1" is on."""
    if name.startswith("nvme"):
        return "NVMe"
    if name.startswith("mmcblk"):
        card = name.partition("p")[0]
        return {"SD": "SD card", "MMC": "eMMC"}.get(text(sys / "block" / card / "device/type") or "", "SD card or eMMC")
    return "disk" if name.startswith(("sd", "vd", "xvd", "dm-", "mapper/")) else ""


def _mounts(root: Path) -> list[tuple[str, str, str]]:
    """Return device number, file system and source of each mount. Source: proc_pid_mountinfo(5)."""
    found: list[tuple[str, str, str]] = []
    for line in lines(root / "proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(), after.split()
        if len(fields) > 2 and len(kinds) > 1 and whole(fields[2].partition(":")[0]) is not None:
            found.append((fields[2], kinds[0], kinds[1]))
    return found


def _size_mb(folder: Path) -> float:
    """Return the size of the files in a folder, and in folders in it."""
    total = 0
    for entry in entries(folder, "**/*")[:_FILES_MAX]:
        try:
            status = entry.lstat()
        except OSError:
            continue
        total += status.st_blocks * 512
    return total / 1e6
