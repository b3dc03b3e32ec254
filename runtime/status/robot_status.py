"""How a robot is at one moment: what its processes, systemd and the machine told. Plain values, that programs read as JSON.

A part that nobody told of is None or empty, never a guess. Key names carry their units and are kept over versions.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from runtime.status.machine import MachineStatus
from runtime.status.units import UnitStatus

FORMAT = 1
REST = "rest"  # the instruction that needs no foresight: runtime/policy/rest_stage.py


@dataclass(frozen=True, slots=True, kw_only=True)
class JointStatus:
    """One joint: measured, commanded, and what its limits are."""

    name: str
    position_rad: float
    target_rad: float | None
    velocity_rad_s: float | None
    effort_ratio: float | None  # of the motor's maximum torque, signed
    temperature_degc: float | None  # None where the motor does not tell
    voltage_v: float | None
    position_min_rad: float
    position_max_rad: float
    effort_fault_ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultStatus:
    """The last fault of the command process, cleared or not."""

    why: str
    ago_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmStatus:
    """What the command process tells."""

    state: str
    why: str
    state_age_s: float  # in this state for so long
    uptime_s: float
    dry_run: bool
    estop_pressed: str  # which input keeps the emergency stop; empty where none does
    policy_connected: bool
    realtime: str  # what the operating system gave
    rate_wanted_hz: float
    rate_hz: float  # achieved in the last second
    periods: int  # since its start
    missed_periods: int
    late_p99_ms: float | None  # of the commands in the last second, after their beat
    bus_lost: bool
    bus_fault: str  # what the bus said last when it failed
    bus_errors: int  # exchanges that failed, since its start
    joints_age_s: float | None
    chunk_age_s: float | None  # of the joint state behind the chunk that is followed
    frame_age_s: float | None  # of the frame behind it
    temperature_max_degc: float
    voltage_min_v: float
    last_fault: FaultStatus | None
    joints: tuple[JointStatus, ...]  # none before they were measured


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopStatus:
    """What is done over and over: a camera, foresight, action."""

    name: str
    rate_wanted_hz: float
    rate_hz: float | None
    latency_p50_ms: float | None
    latency_p99_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleStatus:
    """The bundle that acts."""

    name: str
    on_trial: bool  # newly activated: it has yet to show that it does well
    runs_as: str = ""  # which of its artefacts or engines, and on what


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyStatus:
    """What the policy process tells."""

    instruction: str | None  # None: it is to follow nothing
    instructions: tuple[str, ...]
    ready: bool | None  # every camera gave a frame, or was waited for
    hanging: tuple[str, ...]  # loops that end no turn
    connected: bool  # to the command process
    cameras: tuple[LoopStatus, ...]
    foresight: LoopStatus
    action: LoopStatus
    foresight_age_s: float | None
    foresight_age_max_s: float
    faults: dict[str, str]  # now, by source
    last_fault: str | None
    bundle: BundleStatus | None

    @property
    def foresees(self) -> bool:
        """Return whether it should: it does not when it follows nothing, or goes to rest, and then its foresight only grows older."""
        return self.instruction not in {None, REST}


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotStatus:
    """Everything about one robot, as of one moment."""

    robot: str
    robot_file: str
    folder: str  # where its sockets lie
    asked_at: str  # wall clock, ISO 8601 with offset: for people and logs
    gathering_ms: float  # it took so long to ask everybody
    arm: ArmStatus | None
    arm_silence: str | None  # why `arm` is None
    policy: PolicyStatus | None
    policy_silence: str | None
    units: tuple[UnitStatus, ...]  # none on a machine where forerun was not installed
    machine: MachineStatus

    def unit(self, name: str) -> UnitStatus | None:
        """Return one of our units, or None where this machine does not have it."""
        return next((unit for unit in self.units if unit.name == name), None)


def as_json(status: RobotStatus) -> dict[str, Any]:
    """Return a status as an object for JSON; what is no number is null there."""
    return {"format": FORMAT, **_plain(asdict(status))}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
