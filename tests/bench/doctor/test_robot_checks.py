"""What a running robot says of itself becomes verdicts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.doctor.check import Check, Verdict
from bench.doctor.robot_checks import file_check, running_checks
from bench.jetson_rig import serial_robot
from interfaces.command_report import CommandReport
from interfaces.messages import CommandState, JointState

GOOD, WEAK, BAD, UNKNOWN = Verdict.GOOD, Verdict.WEAK, Verdict.BAD, Verdict.UNKNOWN
S = 1_000_000_000
SIX = np.ones(6)
JOINTS = JointState(
    t_measured_ns=99 * S,
    position_rad=0 * SIX,
    velocity_rad_s=0 * SIX,
    effort_ratio=0 * SIX,
    voltage_v=7.2 * SIX,
    temperature_degc=40.0 * SIX,
)
WELL = CommandReport(
    sequence=1, t_report_ns=100 * S, t_started_ns=0, pid=7, robot="so101", dry_run=False, state=CommandState.FOLLOWING,
    why="chunk 1", t_state_ns=S, n_joints=6, joints=JOINTS, commanded_rad=0 * SIX, rate_asked_hz=100.0, rate_hz=100.0,
    missed=0, late_p99_ns=1000, bus_lost=False, bus_fault="", bus_errors=0, bus_errors_in_a_row=0, policy_connected=True,
    chunk_sequence=1, chunk_age_ns=1, frame_age_ns=1, last_fault="", t_fault_ns=0, realtime="FIFO 60, memory locked",
    locked_kb=40_000, estop_pressed="",
)  # fmt: skip


def checks(report: CommandReport) -> dict[str, Check]:
    return {check.name: check for check in running_checks(report, serial_robot().arm)}  # 6 V at least, 65 degC at most


def joints(**changes: object) -> CommandReport:
    return replace(WELL, joints=replace(JOINTS, **changes))


def test_a_robot_that_runs_well_is_good_all_over() -> None:
    assert {name: check.value for name, check in checks(WELL).items() if check.verdict is not GOOD} == {}


@pytest.mark.parametrize(
    ("report", "name", "verdict", "says"),
    [
        (replace(WELL, state=CommandState.FAULT, why="bus lost"), "state of the robot", BAD, "FAULT: bus lost"),
        (replace(WELL, state=CommandState.ESTOP), "state of the robot", BAD, "ESTOP"),
        (replace(WELL, last_fault="hot"), "state of the robot", GOOD, "the last fault was: hot"),
        (replace(WELL, realtime="no real time"), "real time of the running loop", WEAK, "no real time"),
        (replace(WELL, missed=50), "beat of the running loop", WEAK, "50 periods"),
        (replace(WELL, missed=500), "beat of the running loop", BAD, "500 periods"),
        (replace(WELL, bus_errors=3, bus_fault="motor 2"), "bus errors", WEAK, "motor 2"),
        (replace(WELL, bus_lost=True), "bus errors", BAD, "0 failed"),
        (joints(voltage_v=np.array([7, 7, 6.1, 7, 7, 7])), "servo voltage", WEAK, "6.1 V at elbow_flex"),
        (joints(voltage_v=np.array([7, 5.0, 7, 7, 7, np.nan])), "servo voltage", BAD, "5.0 V at shoulder_lift"),
        (joints(voltage_v=np.nan * SIX), "servo voltage", UNKNOWN, "do not tell"),
        (joints(temperature_degc=60 * SIX), "servo temperature", WEAK, "60 degC"),
        (joints(temperature_degc=70 * SIX), "servo temperature", BAD, "70 degC at shoulder_pan"),
        (joints(temperature_degc=np.nan * SIX), "servo temperature", UNKNOWN, "do not tell"),
        (replace(WELL, joints=None), "servo voltage", UNKNOWN, "do not tell"),
    ],
)
def test_what_is_not_well_is_named(report: CommandReport, name: str, verdict: Verdict, says: str) -> None:
    check = checks(report)[name]
    assert (check.verdict, says in check.value) == (verdict, True), check.value
    assert check.verdict <= UNKNOWN or check.remedy


def test_a_robot_file_that_does_not_load_says_why() -> None:
    check = file_check("a.toml", "", "a.toml: arm.rate_hz is 0; expected more than 0")
    assert (check.verdict, "arm.rate_hz" in check.value) == (BAD, True)
    assert file_check("a.toml", "mine", "").verdict is GOOD
