"""The whole examination: the machine at rest, and, where asked for, the loop under load."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from bench.doctor.check import Check
from bench.doctor.loop_checks import loop_checks, wire_check
from bench.doctor.loop_trial import LoopPlan, run_loop
from bench.doctor.machine import read_machine
from bench.doctor.machine_checks import machine_checks
from bench.doctor.process_checks import process_checks
from bench.doctor.record_checks import record_checks
from interfaces.robot_config import RobotConfig, load_robot


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was examined, and what was found."""

    title: str
    checks: list[Check]


def examine_machine(robot_file: Path) -> Findings:
    """Return what can be said without running anything."""
    robot = load_robot(robot_file)
    title = f"this machine, for {robot.name} at {robot.arm.rate_hz:g} Hz"
    return Findings(title=title, checks=[*_machine(robot), wire_check(robot.arm), *_records(robot_file, robot)])


def examine_loop(robot_file: Path, *, on_robot: bool, duration_s: float, progress: Callable[[float], None]) -> Findings:
    """Run the loop under a load of one process per core, and return what can be said then.

    `progress` is told the seconds that are left. Raises RefusedError where the loop does not run.
    """
    robot, hogs = load_robot(robot_file), os.cpu_count() or 1
    plan = LoopPlan(robot_file=robot_file, on_robot=on_robot, duration_s=duration_s, hogs=hogs)
    measured = run_loop(plan, progress)
    where = f"on its bus {robot.arm.port}, nothing sent" if on_robot else "on emulated servos"
    title = f"{robot.name} at {robot.arm.rate_hz:g} Hz {where}, {duration_s:g} s with {hogs} processes that keep {hogs} cores busy"
    loop = [*loop_checks(measured, robot, on_robot=on_robot), *process_checks(measured, robot)]
    return Findings(title=title, checks=[*loop, *_machine(robot), *_records(robot_file, robot)])


def _machine(robot: RobotConfig) -> list[Check]:
    return machine_checks(read_machine(), robot.runtime.realtime_priority)


def _records(robot_file: Path, robot: RobotConfig) -> list[Check]:
    return record_checks(robot_file, robot, datetime.now(timezone.utc))
