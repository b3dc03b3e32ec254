"""A robot that does well, as its processes would tell, for tests of what is made of that; and systemd's words for its units."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from interfaces.command_report import CommandReport
from interfaces.installed import COMMAND_UNIT, PAGE_UNIT, POLICY_UNIT, RECORD_UNIT, SAFE_UNIT, TARGET_UNIT
from interfaces.messages import CommandState, JointState
from interfaces.request_socket import JsonObject
from interfaces.robot_config import load_robot
from runtime.status.arm_side import read_arm
from runtime.status.machine import MachineStatus
from runtime.status.policy_side import read_policy
from runtime.status.robot_status import ArmStatus, PolicyStatus, RobotStatus
from runtime.status.units import UnitStatus

ROBOT_FILE = Path(__file__).parents[1] / "robots" / "simulated.toml"
ROBOT = load_robot(ROBOT_FILE)
N_JOINTS = len(ROBOT.arm.joints)
S = 1_000_000_000
_LOOP = {"count": 100, "p50_ms": 2.5, "p99_ms": 6.0}
POLICY_REPLY: JsonObject = {
    "instruction": "push",
    "instructions": ["reach", "push", "rest"],
    "cameras": {"front": {**_LOOP, "rate_hz": 29.8}},
    "foresight": {**_LOOP, "rate_hz": 15.0},
    "action": {**_LOOP, "rate_hz": 30.1},
    "foresight_age": {"newest_ms": 68.4, "p50_ms": 60.0, "p99_ms": 90.0},
    "connected": True,
    "ready": True,
    "hanging": [],
    "faults": {},
    "last_fault": None,
    "bundle": {"name": "so101-small", "on_trial": False},
}


def report() -> CommandReport:
    """Return the report of a command process that follows, 100 s after its start."""
    zeros = np.zeros(N_JOINTS)
    joints = JointState(
        t_measured_ns=200 * S,
        position_rad=zeros + 0.25,
        velocity_rad_s=zeros,
        effort_ratio=zeros - 0.1,
        voltage_v=zeros + 12.0,
        temperature_degc=zeros + 31.0,
    )
    return CommandReport(
        sequence=10_000, t_report_ns=200 * S, t_started_ns=100 * S, pid=1, robot=ROBOT.name, dry_run=False,
        state=CommandState.FOLLOWING, why="chunk 7", t_state_ns=140 * S, n_joints=N_JOINTS, joints=joints,
        commanded_rad=zeros + 0.26, rate_asked_hz=100.0, rate_hz=100.0, missed=2, late_p99_ns=300_000, bus_lost=False,
        bus_fault="", bus_errors=3, bus_errors_in_a_row=0, policy_connected=True, chunk_sequence=7,
        chunk_age_ns=31_000_000, frame_age_ns=82_000_000, last_fault="", t_fault_ns=0, realtime="FIFO 60, core 1",
        locked_kb=1, estop_pressed="",
    )  # fmt: skip


def arm(**changes: object) -> ArmStatus:
    """Return an arm that follows."""
    return replace(read_arm(report(), ROBOT), **changes)


def policy(**changes: object) -> PolicyStatus:
    """Return a policy that pushes."""
    return replace(read_policy(POLICY_REPLY, ROBOT), **changes)


def status(**changes: object) -> RobotStatus:
    """Return a robot on a laptop that does well."""
    machine = MachineStatus(
        temperatures_degc={"CPU-therm": 51.5},
        record_folder="flight",
        record_free_mb=60_000.0,
        record_size_mb=256_000.0,
        clock_synchronised=True,
    )
    made = RobotStatus(
        robot="simulated", robot_file="robots/simulated.toml", folder="/run/forerun", asked_at="2026-11-21T18:30:05.120+00:00",
        gathering_ms=4.0, arm=arm(), arm_silence=None, policy=policy(), policy_silence=None, units=(), machine=machine,
    )  # fmt: skip
    return replace(made, **changes)


def units(**changes: UnitStatus) -> tuple[UnitStatus, ...]:
    """Return the units of a robot that does well; `command=unit("failed", ...)` replaces that one."""
    made = {
        "target": unit(TARGET_UNIT),
        "command": unit(COMMAND_UNIT),
        "policy": unit(POLICY_UNIT),
        "record": unit(RECORD_UNIT),
        "page": unit(PAGE_UNIT),
        "safe": unit(SAFE_UNIT, "inactive", "dead"),
    }
    return tuple({**made, **changes}.values())


def unit(
    name: str, active: str = "active", sub: str = "running", result: str = "success", restarts: int = 0
) -> UnitStatus:
    """Return a unit."""
    return UnitStatus(name=name, active=active, sub=sub, result=result, restarts=restarts, says="")
