"""What keeps a serial port from being opened or from being fast, each named with its remedy."""

from __future__ import annotations

import errno
import grp
from contextlib import suppress
from pathlib import Path

from drivers.holders import find_holders
from drivers.serial.adapters import DEV, LATENCY_GOOD_MS, SYS, describe_port
from interfaces.errors import DeviceError, DeviceLostError


def open_error(path: str, baud_hz: int, error: Exception, dev: Path = DEV) -> DeviceError:
    """Return the error to raise where a port could not be opened: DeviceLostError where it is not there, else DeviceError."""
    number = getattr(error, "errno", None)
    if number in {errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.EIO}:
        return DeviceLostError(f"{path} is not there; is the arm plugged in?{_ports_there(dev)}")
    if number in {errno.EBUSY, errno.EWOULDBLOCK}:
        holders = ", ".join(holder.shown() for holder in find_holders(path))
        who = f": {holders}" if holders else f"; `sudo fuser -v {path}` names it"
        return DeviceError(f"{path} is in use by another program{who}")
    if number in {errno.EACCES, errno.EPERM}:
        group = _group(path)
        return DeviceError(
            f"{path} may not be opened by this user; `sudo usermod -aG {group} $USER`, then log in again (a service:"
            f" SupplementaryGroups={group})"
        )
    return DeviceError(f"{path} cannot be opened at {baud_hz} baud: {error}")


def latency_advice(path: str, sys: Path = SYS) -> str | None:
    """Return what to do about an adapter that keeps bytes back for longer than a cycle can wait; None where all is well."""
    latency_ms = describe_port(path, sys).latency_ms
    if latency_ms is None or latency_ms <= LATENCY_GOOD_MS:
        return None
    name = Path(path).resolve().name
    return (
        f"{path}: the adapter keeps bytes back for up to {latency_ms} ms, in which no cycle of the bus ends;"
        f" now: `echo {LATENCY_GOOD_MS} | sudo tee /sys/bus/usb-serial/devices/{name}/latency_timer`;"
        ' for good, a udev rule: ACTION=="add", SUBSYSTEM=="usb-serial", DRIVER=="ftdi_sio",'
        f' ATTR{{latency_timer}}="{LATENCY_GOOD_MS}"'
    )


def _ports_there(dev: Path) -> str:
    with suppress(OSError):
        there = sorted(str(link) for link in (dev / "serial" / "by-id").iterdir())
        return f" There are: {', '.join(there)}" if there else ""
    return ""


def _group(path: str) -> str:
    """Return the group that may open a port: "dialout" on Debian and Ubuntu."""
    with suppress(OSError, KeyError):
        name = grp.getgrgid(Path(path).stat().st_gid).gr_name
        return name if name != "root" else "dialout"
    return "dialout"
