"""Our units, as systemd tells of them: `systemctl show`, parsed here without a machine."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bench.doctor.asking import Ask
from bench.doctor.reading import whole
from interfaces.installed import COMMAND_SOCKET, SAFE_UNIT, SERVICES, TARGET_UNIT
from runtime.status.units import properties

UNITS = (TARGET_UNIT, COMMAND_SOCKET, *SERVICES, SAFE_UNIT)
_PROPERTIES = (
    "Id", "LoadState", "UnitFileState", "ActiveState", "SubState", "Result", "NRestarts", "WatchdogUSec", "StatusText",
    "NeedDaemonReload",
)  # fmt: skip
_SPAN = re.compile(r"(\d{1,12})(us|ms|s|min|h)")
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One unit, in systemd's own words."""

    name: str
    load: str  # "loaded", "not-found", "masked"
    file_state: str  # "enabled", "disabled", "static"; empty where there is no file
    active: str  # "active", "inactive", "failed", "activating"
    sub: str
    result: str  # "success", or why it ended: "exit-code", "watchdog"
    restarts: int
    watchdog_s: float | None  # None: nobody watches it
    says: str  # the last line of its process
    stale: bool  # its file was changed since systemd read it


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFacts:
    """What systemd tells, by name of the unit; or why it tells nothing."""

    units: dict[str, Unit]
    trouble: str = ""


def read_service(ask: Ask) -> ServiceFacts:
    """Return what systemd tells of our units."""
    answer = ask(["systemctl", "show", "--no-pager", f"--property={','.join(_PROPERTIES)}", *UNITS])
    units = parse_units(answer.text)
    return ServiceFacts(units=units, trouble="" if units else answer.trouble or "systemd tells of no unit of ours")


def parse_units(told: str) -> dict[str, Unit]:
    """Return the units of `systemctl show`: one block of lines a unit, in any order of lines."""
    return {block["Id"]: _unit(block) for block in properties(told) if block.get("Id") in UNITS}


def _unit(block: dict[str, str]) -> Unit:
    return Unit(
        name=block["Id"],
        load=block.get("LoadState", "unknown"),
        file_state=block.get("UnitFileState", ""),
        active=block.get("ActiveState", "unknown"),
        sub=block.get("SubState", "unknown"),
        result=block.get("Result", ""),
        restarts=whole(block.get("NRestarts")) or 0,
        watchdog_s=_span_s(block.get("WatchdogUSec", "")),
        says=block.get("StatusText", ""),
        stale=block.get("NeedDaemonReload") == "yes",
    )


def _span_s(told: str) -> float | None:
    """Return "500ms", "10s", "1min 30s" in seconds; None for "0", "infinity" and anything else."""
    parts = [_SPAN.fullmatch(word) for word in told.split()]
    seconds = sum(int(part.group(1)) * _SECONDS[part.group(2)] for part in parts if part)
    return seconds if parts and all(parts) and seconds > 0 else None
