"""The serial adapters of this machine, out of sysfs: nothing is opened.

Chips by USB id: the USB ID repository's list; boards as their makers document them (ROBOTIS U2D2 and OpenRB, Waveshare's and
Feetech's servo boards with CH343, CANable with slcan firmware).
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from drivers.holders import Holder, find_holders

SYS, DEV = Path("/sys"), Path("/dev")
CHIPS = {
    "0403:6001": "FTDI FT232R",
    "0403:6010": "FTDI FT2232",
    "0403:6011": "FTDI FT4232",
    "0403:6014": "FTDI FT232H (as in ROBOTIS U2D2)",
    "0403:6015": "FTDI FT-X",
    "1a86:7523": "WCH CH340",
    "1a86:5523": "WCH CH341",
    "1a86:55d3": "WCH CH343 (as on servo boards of Waveshare and Feetech)",
    "1a86:55d4": "WCH CH9102",
    "10c4:ea60": "Silicon Labs CP210x",
    "067b:2303": "Prolific PL2303",
    "2f5d:0103": "ROBOTIS OpenCR",
    "2f5d:2202": "ROBOTIS OpenRB-150",
    "0483:5740": "STM32 virtual port",
    "16d0:117e": "CANable (slcan)",
    "ad50:60c4": "CANable (slcan)",
}
CAN_CHIPS = frozenset({"16d0:117e", "ad50:60c4"})  # they speak of CAN frames, not with servos
LATENCY_GOOD_MS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundAdapter:
    """One serial adapter."""

    path: str  # the name that stays: by id where the adapter has one, else by the socket it is in
    device: str  # "/dev/ttyUSB0", until it is plugged in again
    chip: str
    usb_id: str  # "0403:6014"; empty where it hangs on another bus
    serial: str  # empty where it has none
    driver: str  # of the kernel
    latency_ms: int | None  # None where the chip has no such timer
    holders: tuple[Holder, ...]
    permitted: bool  # this user may open it

    @property
    def is_can(self) -> bool:
        """Return whether it is a CAN adapter."""
        return self.usb_id in CAN_CHIPS


def find_adapters(sys: Path = SYS, dev: Path = DEV) -> list[FoundAdapter]:
    """Return the USB serial adapters of this machine, by device file."""
    tty = sys / "class" / "tty"
    names = [entry.name for entry in tty.glob("tty*") if entry.name.startswith(("ttyUSB", "ttyACM"))]
    return [_adapter(tty / name, dev) for name in sorted(names, key=_natural)]


def describe_port(path: str, sys: Path = SYS, dev: Path = DEV) -> FoundAdapter:
    """Return what is known of the port at `path`, which need not be on USB: a pty or an UART of the board has few properties."""
    entry = sys / "class" / "tty" / Path(path).resolve().name
    found = _adapter(entry, dev) if (entry / "device").exists() else None
    if found is not None and found.device == str(Path(path).resolve()):
        return found
    device = str(Path(path).resolve())
    return FoundAdapter(
        path=path,
        device=device,
        chip="not a USB adapter",
        usb_id="",
        serial="",
        driver="",
        latency_ms=None,
        # The program behind a pty may keep our end of it open, too: an emulator does, so that its settings stay.
        holders=() if device.startswith("/dev/pts/") else tuple(find_holders(device)),
        permitted=os.access(device, os.R_OK | os.W_OK),
    )


def _adapter(entry: Path, dev: Path) -> FoundAdapter:
    device = dev / entry.name
    usb = _usb_device(entry)
    usb_id = f"{_text(usb / 'idVendor')}:{_text(usb / 'idProduct')}" if usb else ""
    told = f"{_text(usb / 'manufacturer')} {_text(usb / 'product')}".strip() if usb else ""
    latency = _text(entry / "device" / "latency_timer")
    return FoundAdapter(
        path=stable_name(device, dev / "serial"),
        device=str(device),
        chip=CHIPS.get(usb_id) or told or "unknown",
        usb_id=usb_id,
        serial=_text(usb / "serial") if usb else "",
        driver=(entry / "device" / "driver").resolve().name,
        latency_ms=int(latency) if latency.isdecimal() and len(latency) < 10 else None,  # an int may refuse 5000 digits
        holders=tuple(find_holders(str(device))),
        permitted=os.access(device, os.R_OK | os.W_OK),
    )


def stable_name(device: Path, folder: Path) -> str:
    """Return the link to `device` in `folder`/by-id, else in `folder`/by-path, else its own path."""
    for kind in ("by-id", "by-path"):
        with suppress(OSError):
            for link in sorted((folder / kind).iterdir()):
                if link.resolve() == device.resolve():
                    return str(link)
    return str(device)


def usb_serial(entry: Path) -> str:
    """Return the serial number of the USB device behind an entry of /sys/class; empty where it has none."""
    usb = _usb_device(entry)
    return _text(usb / "serial") if usb else ""


def _usb_device(entry: Path) -> Path | None:
    """Return the folder of the USB device above a port: the first that tells a vendor."""
    start = (entry / "device").resolve()
    return next((folder for folder in (start, *start.parents) if (folder / "idVendor").is_file()), None)


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace").strip()
    return ""


def _natural(name: str) -> tuple[str, int]:
    return name[:6], int(name[6:]) if name[6:].isdecimal() else 0
