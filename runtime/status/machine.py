"""What of the machine matters to a robot that runs: how hot it is, the room for records, and whether its clock is right."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from runtime.status.asking import ask

_PATIENCE_S = 3.0
_THERMAL = ("sys/class/thermal", "sys/devices/virtual/thermal")  # the latter is where a Jetson's real folders lie
_DEGC_MAX = 200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineStatus:
    """The machine; None where it does not tell."""

    temperatures_degc: dict[str, float]  # by sensor of the kernel
    record_folder: str
    record_free_mb: float | None  # what the service may still write there
    record_size_mb: float | None  # of the whole file system
    clock_synchronised: bool | None  # with a time server; a robot without network has none


def read_machine(record_folder: Path, *, clock_synchronised: bool | None, root: Path = Path("/")) -> MachineStatus:
    """Return how the machine is; the room is that of the file system on which `record_folder` is, or will be."""
    free_mb, size_mb = _room_mb(record_folder)
    return MachineStatus(
        temperatures_degc=temperatures_degc(root),
        record_folder=str(record_folder),
        record_free_mb=free_mb,
        record_size_mb=size_mb,
        clock_synchronised=clock_synchronised,
    )


def clock_synchronised() -> bool | None:
    """Return whether the clock follows a time server, as systemd tells; it takes some ten milliseconds."""
    asked = ("timedatectl", "show", "--property=NTPSynchronized", "--value")
    return {"yes": True, "no": False}.get(ask(asked, _PATIENCE_S).strip())


def _room_mb(folder: Path) -> tuple[float | None, float | None]:
    for each in (folder, *folder.absolute().parents):  # it may not be there yet, or not for our eyes
        with contextlib.suppress(OSError):
            room = os.statvfs(each)
            return room.f_bavail * room.f_frsize / 1e6, room.f_blocks * room.f_frsize / 1e6
    return None, None


def temperatures_degc(root: Path = Path("/")) -> dict[str, float]:
    """Return what the kernel's sensors tell, by name; one that is switched off tells 0, less, nonsense or nothing."""
    found: dict[str, float] = {}
    for zone in (zone for folder in _THERMAL for zone in sorted((root / folder).glob("thermal_zone*"))):
        with contextlib.suppress(OSError, ValueError):
            degc = int((zone / "temp").read_text(encoding="ascii")) / 1000
            if 0 < degc < _DEGC_MAX:
                found[_sensor(zone)] = degc
    return found


def _sensor(zone: Path) -> str:
    with contextlib.suppress(OSError):
        return (zone / "type").read_text(encoding="utf-8", errors="replace").strip() or zone.name
    return zone.name
