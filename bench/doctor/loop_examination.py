"""The loop under load, examined, and after it the machine at rest."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from bench.doctor.check import GROUPS, LOOP_GROUP, Group
from bench.doctor.examination import Findings, Plan, examine_machine
from bench.doctor.loop_checks import loop_checks
from bench.doctor.loop_trial import LoopPlan, run_loop
from bench.doctor.process_checks import process_checks
from bench.doctor.robot_checks import motor_checks
from interfaces.robot_config import load_robot


def examine_loop(plan: Plan, *, on_robot: bool, duration_s: float, progress: Callable[[float], None]) -> Findings:
    """Run the loop under a load of one process per core, and return what can be said then.

    `progress` is told the seconds that are left. Raises RefusedError where the loop does not run, ConfigError for a wrong robot file.
    """
    robot, hogs = load_robot(plan.robot_file), os.cpu_count() or 1
    loop_plan = LoopPlan(robot_file=plan.robot_file, on_robot=on_robot, duration_s=duration_s, hogs=hogs)
    measured = run_loop(loop_plan, progress)
    checks = [*loop_checks(measured, robot, on_robot=on_robot), *process_checks(measured, robot)]
    if on_robot and measured.report is not None:
        checks += motor_checks(measured.report, robot.arm)
    where = f"on its bus {robot.arm.port}, nothing sent" if on_robot else "on emulated servos"
    busy = f"{duration_s:g} s with {hogs} processes that keep {hogs} cores busy"
    groups = [Group(name=LOOP_GROUP, title=f"the loop {where}, {busy}", checks=tuple(checks))]
    at_rest = replace(plan, only=tuple(name for name in plan.only if name != LOOP_GROUP) or GROUPS)
    if plan.only != (LOOP_GROUP,):
        groups += examine_machine(at_rest).groups
    return Findings(title=f"{robot.name} at {robot.arm.rate_hz:g} Hz {where}, {busy}", groups=groups)
