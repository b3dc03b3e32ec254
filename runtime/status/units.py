"""The units of an installed robot, as systemd tells of them; a laptop has none."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from interfaces.installed import (
    COMMAND_UNIT,
    PAGE_UNIT,
    POLICY_UNIT,
    RECORD_UNIT,
    SAFE_UNIT,
    TARGET_UNIT,
)

UNITS = (TARGET_UNIT, COMMAND_UNIT, POLICY_UNIT, RECORD_UNIT, PAGE_UNIT, SAFE_UNIT)
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


# What a child of ours gets of our environment: not NOTIFY_SOCKET, at which systemctl would report its own troubles as ours.
CHILD_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}


def read_units(command: Sequence[str] = ("systemctl",)) -> tuple[UnitStatus, ...]:
    """Return the units of ours that this machine knows; none where it has none, or no systemd."""
    asked = [*command, "show", "--no-pager", f"--property={','.join(_PROPERTIES)}", *UNITS]
    try:
        answer = subprocess.run(
            asked, capture_output=True, text=True, timeout=_PATIENCE_S, check=False, env=CHILD_ENVIRONMENT
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return parse_units(answer.stdout)


def parse_units(text: str) -> tuple[UnitStatus, ...]:
    """Return the units in the words of `systemctl show`: one block of lines a unit, in any order of lines."""
    blocks = [_block(lines) for lines in text.split("\n\n")]
    return tuple(_unit(block) for block in blocks if block.get("Id") and block.get("LoadState") == "loaded")


def _block(lines: str) -> dict[str, str]:
    parted = (line.partition("=") for line in lines.splitlines())
    return {key: value for key, _, value in parted}


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
