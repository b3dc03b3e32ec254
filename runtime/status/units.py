"""The units of an installed robot, as systemd tells of them; a laptop has none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from interfaces.installed import SAFE_UNIT, SERVICES, TARGET_UNIT
from runtime.status.asking import ask

UNITS = (TARGET_UNIT, *SERVICES, SAFE_UNIT)
_PROPERTIES = ("Id", "LoadState", "ActiveState", "SubState", "Result", "NRestarts", "StatusText")
_PATIENCE_S = 5.0  # systemctl takes some milliseconds; systemd itself may be busy at boot


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitStatus:
    """One unit, in systemd's own words."""

    name: str
    active: str  # active, activating, deactivating, inactive, failed, reloading
    sub: str  # running, dead, exited, auto-restart, ...
    result: str  # success, or why it ended: exit-code, signal, watchdog, timeout, start-limit-hit, ...
    restarts: int  # by systemd itself, since it was last started by hand
    says: str  # the last line the process told of itself


def read_units(command: Sequence[str] = ("systemctl",)) -> tuple[UnitStatus, ...]:
    """Return the units of ours that this machine knows; none where it has none, or no systemd."""
    asked = [*command, "show", "--no-pager", f"--property={','.join(_PROPERTIES)}", *UNITS]
    return parse_units(ask(asked, _PATIENCE_S))


def parse_units(text: str) -> tuple[UnitStatus, ...]:
    """Return the units that are there, in the words of `systemctl show`."""
    return tuple(_unit(block) for block in properties(text) if block.get("Id") and block.get("LoadState") == "loaded")


def properties(text: str) -> list[dict[str, str]]:
    """Return the properties of each unit in the words of `systemctl show`: one block of lines a unit, in any order of lines."""
    blocks = ([line.partition("=") for line in block.splitlines()] for block in text.split("\n\n"))
    return [{name: value for name, _, value in lines} for lines in blocks]


def _unit(block: dict[str, str]) -> UnitStatus:
    restarts = block.get("NRestarts", "")
    return UnitStatus(
        name=block["Id"],
        active=block.get("ActiveState", "unknown"),
        sub=block.get("SubState", "unknown"),
        result=block.get("Result", ""),
        restarts=int(restarts) if restarts.isdecimal() else 0,
        says=block.get("StatusText", ""),
    )
