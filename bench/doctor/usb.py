"""The USB devices that a robot is made of, as sysfs tells of them; and the RealSense cameras as librealsense does, in a child process."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.doctor.asking import Ask
from bench.doctor.reading import entries, number, text
from drivers.realsense.models import model_of
from drivers.serial.adapters import CHIPS

_DEVICES = "sys/bus/usb/devices"
_REALSENSE_VENDORS = {"8086", "38e5"}  # Intel, and RealSense since it is a company of its own

# In a process of its own: a camera that hangs on the bus keeps librealsense from answering, and this process has its own pyrealsense2.
_LIST_CAMERAS = """
import json, sys
sys.path.insert(0, sys.argv[1])
from drivers.realsense.source import find_cameras
print(json.dumps([[c.name, c.serial, c.usb, c.product, c.firmware] for c in find_cameras()]))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbDevice:
    """One device on USB."""

    place: str  # "2-1.4": the name of its folder in sysfs
    vendor: str  # "8086"
    product_id: str
    name: str
    speed_mbit_s: float | None
    controller: str  # "usb2": the root hub it hangs on
    power_control: str | None  # "on", or "auto": the kernel may send it to sleep

    @property
    def is_realsense(self) -> bool:
        """Return whether it is a RealSense camera."""
        known = self.vendor in _REALSENSE_VENDORS and model_of(self.product_id) is not None
        return known or "realsense" in self.name.lower()

    @property
    def is_serial_adapter(self) -> bool:
        """Return whether it is a serial adapter known to us."""
        return f"{self.vendor}:{self.product_id}" in CHIPS


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbFacts:
    """What hangs on USB."""

    readable: bool  # this machine has USB at all
    devices: tuple[UsbDevice, ...]
    usbfs_memory_mb: int | None  # for all cameras that are driven through usbfs together; 0: no limit


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenCamera:
    """One RealSense, as librealsense tells of it."""

    name: str
    serial: str
    usb: str
    product: str
    firmware: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenCameras:
    """What librealsense sees."""

    cameras: tuple[SeenCamera, ...] = ()
    trouble: str = ""  # why it tells nothing


def read_usb(root: Path) -> UsbFacts:
    """Return what is told below `root`."""
    folder = root / _DEVICES
    found = [_device(entry) for entry in entries(folder) if ":" not in entry.name]
    return UsbFacts(
        readable=folder.is_dir(),
        devices=tuple(device for device in found if device is not None),
        usbfs_memory_mb=number(root / "sys/module/usbcore/parameters/usbfs_memory_mb"),
    )


def list_cameras(ask: Ask) -> SeenCameras:
    """Return the RealSense cameras, listed by librealsense in a process of its own."""
    answer = ask([sys.executable, "-I", "-c", _LIST_CAMERAS, str(Path(__file__).parents[2])])
    if answer.trouble:
        return SeenCameras(trouble=answer.trouble)
    return parse_cameras(answer.text)


def parse_cameras(told: str) -> SeenCameras:
    """Return what the child process said."""
    try:
        said = json.loads(told)
        cameras = tuple(
            SeenCamera(name=str(name), serial=str(serial), usb=str(usb), product=str(product), firmware=str(firmware))
            for name, serial, usb, product, firmware in said
        )
        return SeenCameras(cameras=cameras)
    except (ValueError, TypeError, RecursionError):
        return SeenCameras(trouble="librealsense says what is no list of cameras")


def _device(folder: Path) -> UsbDevice | None:
    vendor, product_id = text(folder / "idVendor"), text(folder / "idProduct")
    if vendor is None or product_id is None:
        return None
    bus = number(folder / "busnum")
    return UsbDevice(
        place=folder.name,
        vendor=vendor.lower(),
        product_id=product_id.lower(),
        name=text(folder / "product") or f"{vendor}:{product_id}",
        speed_mbit_s=_speed(text(folder / "speed")),
        controller=f"usb{bus}" if bus is not None else folder.name.partition("-")[0],
        power_control=text(folder / "power/control"),
    )


def _speed(told: str | None) -> float | None:
    """Return "480", "5000" or "1.5" as a number."""
    plain = (told or "").replace(".", "", 1)
    return float(told or "") if plain.isascii() and plain.isdecimal() and len(plain) < 10 else None
