"""The CAN interfaces of this machine, as the kernel tells of them: nothing is sent."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from drivers.can.link import CanLink, read_link, remedy
from drivers.serial.adapters import SYS
from interfaces.errors import DeviceError

ARPHRD_CAN = 280  # Linux, include/uapi/linux/if_arp.h
USUAL_BITRATE_HZ = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundInterface:
    """One CAN interface."""

    name: str  # "can0": the robot file's `port`
    driver: str  # of the kernel: "gs_usb"; of one without hardware its kind: "vcan"
    up: bool
    bitrate_hz: int | None  # None where it has none
    state: str  # of the controller: "error active", "bus off"; empty where it has none
    restart_ms: int | None  # the kernel brings a controller back from bus-off after so long; 0: never
    trouble: str = ""  # why nothing can be heard on it, with the remedy


def find_interfaces(sys: Path = SYS, link: Callable[[str], CanLink] = read_link) -> list[FoundInterface]:
    """Return the CAN interfaces, by name; `link` tells what the kernel knows about one."""
    folders = [entry for entry in sorted((sys / "class" / "net").glob("*")) if _text(entry / "type") == str(ARPHRD_CAN)]
    return [_interface(folder, link) for folder in folders]


def _interface(folder: Path, link: Callable[[str], CanLink]) -> FoundInterface:
    driver = folder / "device" / "driver"
    driver_name = driver.resolve().name if driver.exists() else ""
    try:
        told = link(folder.name)
    except DeviceError as error:
        return FoundInterface(
            name=folder.name,
            driver=driver_name,
            up=False,
            bitrate_hz=None,
            state="",
            restart_ms=None,
            trouble=str(error),
        )
    return FoundInterface(
        name=folder.name,
        driver=driver_name or told.kind,
        up=told.is_up,
        bitrate_hz=told.bitrate_hz or None,
        state=told.state or "",
        restart_ms=told.restart_ms,
        trouble=_trouble(told),
    )


def _trouble(told: CanLink) -> str:
    if not told.is_up:
        return f"down: {remedy(told.name, None if told.kind == 'vcan' else told.bitrate_hz or USUAL_BITRATE_HZ)}"
    if told.state == "bus off":
        return f"off the bus: check cable, termination and bit rate, then ip link set {told.name} type can restart"
    return ""


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8").strip()
    return ""
