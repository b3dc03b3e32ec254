"""From the robot file's `port` to a CAN bus: "can0", "slcan:/dev/ttyACM0", "slcan:/dev/ttyUSB0@921600", or "virtual:NAME".

A virtual bus connects ports of one process, without hardware.
"""

from __future__ import annotations

import errno

from drivers.can.link import read_link
from drivers.can.port import CanPort
from drivers.can.slcan import SlcanPort
from drivers.serial.port import PortOpener, SerialPort
from interfaces.errors import DeviceError, DeviceLostError, RefusedError

SLCAN_BAUD_HZ = 115_200  # USB adapters do not care


def open_can(port: str, bitrate_hz: int, open_serial: PortOpener = SerialPort) -> CanPort:
    """Open a bus, for frames of 11 and 29 bits.

    Raises DeviceLostError where it is not there or down, RefusedError where it runs at another bit rate, DeviceError where it
    cannot be had.
    """
    kind, colon, rest = port.partition(":")
    if not colon:
        return _open_socketcan(port, bitrate_hz)
    if kind == "slcan" and rest:
        return _open_slcan(port, bitrate_hz, open_serial)
    if kind == "virtual" and rest:
        return _open_virtual(rest)
    raise RefusedError(f"{port!r} is no CAN bus: one is called can0, slcan:/dev/ttyACM0 or virtual:NAME")


def _open_slcan(port: str, bitrate_hz: int, open_serial: PortOpener) -> CanPort:
    path, at, baud = port.removeprefix("slcan:").partition("@")
    if at and not baud.isdecimal():
        raise RefusedError(f"{port!r}: the rate after the @ is not a number")
    return SlcanPort(path, int(baud) if at else SLCAN_BAUD_HZ, bitrate_hz, open_serial)


# python-can is imported only where it is used: a serial adapter needs none of it.


def _open_socketcan(name: str, bitrate_hz: int) -> CanPort:
    link = read_link(name)
    link.require_ready(bitrate_hz)
    import can

    from drivers.can.socketcan import SocketCan

    try:
        # ignore_config: python-can would otherwise let files and the environment change what is opened.
        bus = can.Bus(channel=name, interface="socketcan", receive_own_messages=False, ignore_config=True)
    except (OSError, can.CanError) as error:
        raise _open_error(name, error) from error
    return SocketCan(name, bus, link)


def _open_virtual(name: str) -> CanPort:
    import can

    from drivers.can.socketcan import SocketCan

    bus = can.Bus(channel=name, interface="virtual", receive_own_messages=False, ignore_config=True)
    return SocketCan(f"virtual:{name}", bus, None)


def _open_error(name: str, error: Exception) -> DeviceError:
    number = getattr(error, "errno", None)
    if number in {errno.ENODEV, errno.ENXIO}:
        return DeviceLostError(f"{name} is not there; is the adapter plugged in?")
    if number in {errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT}:
        return DeviceError(f"{name} cannot be opened: this kernel has no SocketCAN; load it: modprobe can_raw")
    return DeviceError(f"{name} cannot be opened: {error}")
