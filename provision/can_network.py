"""The CAN interface, brought up by systemd-networkd with the robot file's bit rate, and again after it fell off the bus."""

from __future__ import annotations

import re
from pathlib import Path

from interfaces.errors import ConfigError
from provision.bus_port import BusPort
from provision.machine_file import HEAD, MachineFile

_NETWORK = Path("/etc/systemd/network")
_NETWORK_MANAGER = Path("/etc/NetworkManager/conf.d")
_NAME = re.compile(r"[A-Za-z][\w\-]{0,14}", re.ASCII)


def can_files(port: BusPort, file: str) -> list[MachineFile]:
    """Return the files of a CAN interface; none where the port is something else. Raises ConfigError for a name that is none."""
    if not port.interface:
        return []
    name = port.interface
    if not _NAME.fullmatch(name):
        raise ConfigError(file, "arm.port", name, "a network interface, as can0")
    # Nobody may wait for it at boot: an adapter that is not plugged in keeps no machine from starting.
    text = f"[Match]\nName={name}\n\n[Link]\nRequiredForOnline=no\n\n[Network]\nLinkLocalAddressing=no\n"
    if not name.startswith("vcan"):  # a virtual one has no bits on a wire
        text += f"\n[CAN]\nBitRate={port.bitrate_hz}\nRestartSec=100ms\n"
    unmanaged = f"[keyfile]\nunmanaged-devices+=interface-name:{name}\n"
    return [
        MachineFile(_NETWORK / f"80-forerun-{name}.network", HEAD + text),
        MachineFile(_NETWORK_MANAGER / f"80-forerun-{name}.conf", HEAD + unmanaged),
    ]
