"""The CAN interfaces of this machine, as the kernel and `ip` (iproute2) tell of them: nothing is sent."""

from __future__ import annotations

import json
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from drivers.find_serial import SYS

ARPHRD_CAN = 280  # Linux, include/uapi/linux/if_arp.h
IFF_UP = 0x1
IP_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundInterface:
    """One CAN interface."""

    name: str  # "can0": the robot file's `port`
    driver: str  # of the kernel; "vcan" for one without hardware
    up: bool
    bitrate_hz: int | None  # None where it has none set, or `ip` is missing
    state: str  # of the controller: "ERROR-ACTIVE", "BUS-OFF"; empty where unknown
    restart_ms: int | None  # the kernel brings a controller back from bus-off after so long; 0 and None: never

    @property
    def trouble(self) -> str:
        """Return why nothing can be heard on it, with the remedy; empty where it is fit."""
        if not self.up:
            return f"down: sudo ip link set {self.name} up type can bitrate 1000000 restart-ms 100"
        if self.state == "BUS-OFF":
            return f"off the bus: check cable and termination, then sudo ip link set {self.name} type can restart"
        return ""


def find_interfaces(sys: Path = SYS, ip_output: str | None = None) -> list[FoundInterface]:
    """Return the CAN interfaces by name; `ip_output` stands in for what `ip -details -json link show` prints."""
    folders = [entry for entry in sorted((sys / "class" / "net").glob("*")) if _text(entry / "type") == str(ARPHRD_CAN)]
    if not folders:
        return []
    details = parse_ip(ip_output if ip_output is not None else _ask_ip())
    return [_interface(folder, details.get(folder.name, {})) for folder in folders]


def parse_ip(text: str) -> dict[str, dict[str, Any]]:
    """Return what `ip` tells of each interface's CAN side, by name; nothing where it tells nothing that can be read."""
    with suppress(json.JSONDecodeError, TypeError, KeyError, AttributeError):
        links = cast("list[dict[str, Any]]", json.loads(text))
        return {link["ifname"]: link.get("linkinfo", {}).get("info_data", {}) for link in links if "ifname" in link}
    return {}


def _interface(folder: Path, told: dict[str, Any]) -> FoundInterface:
    flags = _text(folder / "flags")
    driver = folder / "device" / "driver"
    return FoundInterface(
        name=folder.name,
        driver=driver.resolve().name if driver.exists() else "vcan",
        up=bool(int(flags, 16) & IFF_UP) if flags else False,
        bitrate_hz=told.get("bittiming", {}).get("bitrate"),
        state=str(told.get("state", "")),
        restart_ms=told.get("restart_ms"),
    )


def _ask_ip() -> str:
    with suppress(OSError, subprocess.SubprocessError):
        command = ["ip", "-details", "-json", "link", "show"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=IP_TIMEOUT_S, check=True)
        return done.stdout
    return ""


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8").strip()
    return ""
