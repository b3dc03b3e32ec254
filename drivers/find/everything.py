"""Everything on this machine that a robot may be made of: cameras, servos behind serial adapters, motors on CAN. Nothing moves.

What could not be looked at is kept beside what was found, with the reason and the remedy. The findings are filled in as they
come, so that an interrupted search still shows what it has.
"""

from __future__ import annotations

import grp
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drivers.can.open_port import open_can
from drivers.find.can import USUAL_BITRATE_HZ, FoundInterface, find_interfaces
from drivers.find.can_motors import BusSweep, sweep_bus
from drivers.find.dynamixel import DynamixelFamily
from drivers.find.feetech import FeetechFamily
from drivers.find.servos import Progress, ServoFamily, Sweep, sweep_port
from drivers.find.video import FoundVideo, find_video
from drivers.serial.adapters import FoundAdapter, describe_port, find_adapters
from drivers.serial.port import SerialPort
from interfaces.errors import DeviceError, RefusedError

FAMILIES: tuple[ServoFamily, ...] = (FeetechFamily(), DynamixelFamily())


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRealSense:
    """One RealSense, as librealsense describes it."""

    name: str
    serial: str
    usb: str
    firmware: str


@dataclass(slots=True)
class PortFindings:
    """One serial port: the adapter, and the servos behind it."""

    adapter: FoundAdapter
    sweep: Sweep = field(default_factory=Sweep)
    skipped: str = ""  # why it was not looked at, with the remedy


@dataclass(slots=True)
class BusFindings:
    """One CAN bus: the interface, and the motors on it."""

    port: str  # as the robot file calls it
    bitrate_hz: int
    interface: FoundInterface | None  # None behind a serial adapter
    sweep: BusSweep = field(default_factory=BusSweep)
    skipped: str = ""


@dataclass(slots=True)
class Findings:
    """What this machine has."""

    realsense: list[FoundRealSense] = field(default_factory=list[FoundRealSense])
    realsense_trouble: str = ""
    videos: list[FoundVideo] = field(default_factory=list[FoundVideo])
    ports: list[PortFindings] = field(default_factory=list[PortFindings])
    buses: list[BusFindings] = field(default_factory=list[BusFindings])
    complete: bool = False  # the search came to its end

    @property
    def skipped(self) -> list[str]:
        """Return what was not looked at, each with the remedy."""
        told = [f"RealSense: {self.realsense_trouble}"] if self.realsense_trouble else []
        told += [f"{video.path}: {video.trouble}" for video in self.videos if video.trouble]
        told += [f"{port.adapter.path}: {port.skipped}" for port in self.ports if port.skipped]
        return told + [f"{bus.port}: {bus.skipped}" for bus in self.buses if bus.skipped]

    @property
    def anything(self) -> bool:
        """Return whether a camera, a servo or a motor was found."""
        motors = any(port.sweep.servos for port in self.ports) or any(bus.sweep.motors for bus in self.buses)
        return motors or bool(self.realsense or self.videos)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What to look at."""

    port: str = ""  # of the ports and buses this alone; empty: all
    cameras: bool = True
    thorough: bool = False  # ask each id at each rate
    bitrate_hz: int = USUAL_BITRATE_HZ  # of a bus that tells none: behind a serial adapter


def find_everything(search: Search, say: Progress, findings: Findings) -> None:
    """Fill `findings`; `say` is told what is done, and the share of all."""
    if search.cameras:
        say("cameras", 0.0)
        _find_cameras(findings)
    if search.port:
        _choose_port(search, findings)
    else:
        findings.ports += [PortFindings(adapter) for adapter in find_adapters()]
        findings.buses += [
            BusFindings(interface.name, interface.bitrate_hz or search.bitrate_hz, interface)
            for interface in find_interfaces()
        ]
    places: Sequence[PortFindings | BusFindings] = [*findings.ports, *findings.buses]
    for n_done, place in enumerate(places):

        def part(what: str, share: float, n_done: int = n_done, place: PortFindings | BusFindings = place) -> None:
            name = place.adapter.device if isinstance(place, PortFindings) else place.port
            say(f"{name}: {what}", (n_done + share) / len(places))

        if isinstance(place, PortFindings):
            look_at_port(place, part, thorough=search.thorough)
        else:
            _look_at_bus(place, part)
    findings.complete = True
    say("done", 1.0)


def look_at_port(port: PortFindings, say: Progress, *, thorough: bool) -> None:
    """Fill in the servos on one port, or why it was not looked at."""
    adapter = port.adapter
    port.skipped = _reason_not_to_open(adapter)
    if port.skipped:
        return
    try:
        sweep_port(adapter.path, FAMILIES, SerialPort, say, thorough=thorough, into=port.sweep)
    except DeviceError as error:
        port.skipped = str(error).removeprefix(adapter.path).lstrip(": ")


def _reason_not_to_open(adapter: FoundAdapter) -> str:
    if adapter.is_can:
        return f"a CAN adapter: forerun devices --port slcan:{adapter.path} --bitrate {USUAL_BITRATE_HZ}"
    if adapter.holders:
        return f"busy: {', '.join(holder.shown() for holder in adapter.holders)} has it open; end that first"
    if not adapter.permitted and Path(adapter.device).exists():
        return f"no permission: sudo usermod -aG {_group(adapter.device)} $USER, then log in anew"
    return ""


def _group(device: str) -> str:
    number = os.stat(device).st_gid  # noqa: PTH116 - Path.group() has no fallback
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _look_at_bus(bus: BusFindings, say: Progress) -> None:
    if bus.interface is not None and bus.interface.trouble:
        bus.skipped = bus.interface.trouble
        return
    try:
        port = open_can(bus.port, bus.bitrate_hz)
    except (DeviceError, RefusedError) as error:
        bus.skipped = str(error)
        return
    try:
        sweep_bus(port, say, bus.sweep)
    except DeviceError as error:
        bus.skipped = str(error)
    finally:
        port.close()


def _choose_port(search: Search, findings: Findings) -> None:
    """Put the one port or bus that is asked for into `findings`."""
    interfaces = {interface.name: interface for interface in find_interfaces()}
    if ":" in search.port or search.port in interfaces:
        interface = interfaces.get(search.port)
        bitrate_hz = (interface.bitrate_hz if interface else None) or search.bitrate_hz
        findings.buses.append(BusFindings(search.port, bitrate_hz, interface))
        return
    if not Path(search.port).exists():
        raise RefusedError(f"{search.port} is neither a serial port nor a CAN interface of this machine")
    findings.ports.append(PortFindings(describe_port(search.port)))


def _find_cameras(findings: Findings, find: Callable[[], list[Any]] | None = None) -> None:
    findings.videos += find_video()
    try:
        if find is None:
            from drivers.realsense.source import find_cameras as find
        found = find()
    except ImportError as error:
        findings.realsense_trouble = (
            f"librealsense cannot be loaded ({error}); install pyrealsense2, and libusb: sudo apt install libusb-1.0-0"
        )
    except RuntimeError as error:  # librealsense has one error for all
        findings.realsense_trouble = f"librealsense cannot list cameras ({error})"
    else:
        findings.realsense += [
            FoundRealSense(name=camera.name, serial=camera.serial, usb=camera.usb, firmware=camera.firmware)
            for camera in found
        ]
