"""The command process of the robot, run for a while under load, with a policy that proposes chunks: what it did, in figures.

Its bus is that of emulated servos, or the robot's own, on which nothing but questions is sent (--dry-run).
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.command_loop import load
from bench.command_rig import EmulatedServos, await_line, end, start
from bench.doctor.machine import Counters, ProcessFacts, read_counters, read_process
from bench.doctor.trial_robot import trial_robot
from interfaces.command_report import CommandReport
from interfaces.errors import DeviceError, RefusedError
from interfaces.messages import CommandState
from interfaces.robot_config import load_robot
from runtime.command.log import CommandSummary, Records, Spread, load_log, summarise
from runtime.link import PolicyLink
from runtime.operator_link import ask_report

_ARMED_S = 20.0  # to find every motor and write its settings; more means that the bus is not there
_STOP_S = 20.0
_SETTLE_S = 1.0  # not measured: caches are cold, the load is only beginning
_LOOK_S = 0.2
_LOG = "commands.npz"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopPlan:
    """What to run, and for how long."""

    robot_file: Path
    on_robot: bool  # on its own bus, instead of emulated servos
    duration_s: float
    hogs: int  # processes that keep a core busy each


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopMeasurement:
    """What came of it."""

    summary: CommandSummary
    chunk_to_bus: Spread  # from sending a chunk to the first bus cycle that follows it
    process: ProcessFacts
    before: Counters
    after: Counters
    major_faults: int  # while it was measured
    report: CommandReport | None = None  # at the end: how its motors are


def run_loop(plan: LoopPlan, progress: Callable[[float], None]) -> LoopMeasurement:
    """Run the loop; `progress` is told the seconds that are left.

    Raises RefusedError where it does not come up or does not end well, ConfigError for a wrong robot file.
    """
    with tempfile.TemporaryDirectory(prefix="forerun") as name, ExitStack() as stack:
        folder = Path(name)
        robot_file = trial_robot(plan.robot_file, folder, on_robot=plan.on_robot)
        if not plan.on_robot:
            stack.enter_context(EmulatedServos(folder))
        command = _start_command(folder, robot_file, _command_options(plan), stack)
        _start_policy(folder, stack, stay=plan.on_robot)
        stack.enter_context(load(folder, plan.hogs))
        _pass(_SETTLE_S, lambda left_s: progress(plan.duration_s + left_s))
        t_begin_ns, before, at_first = time.monotonic_ns(), read_counters(), read_process(command.pid)
        _pass(plan.duration_s, progress)
        t_end_ns, after, process = time.monotonic_ns(), read_counters(), read_process(command.pid)
        report = _last_report(folder, robot_file)
        records, period_ns = _stop(command, folder)
    measured = records[(records["t_woke_ns"] > t_begin_ns) & (records["t_woke_ns"] < t_end_ns)]
    return LoopMeasurement(
        summary=summarise(measured, period_ns),
        chunk_to_bus=chunk_to_bus(measured),
        process=process,
        before=before,
        after=after,
        major_faults=process.major_faults - at_first.major_faults,
        report=report,
    )


def chunk_to_bus(records: Records) -> Spread:
    """Return the ages of chunks, stamped when they were sent, at the first bus cycle that each of them led to.

    The log tells the age at the command's instant, which is the deadline or, where that had passed, later: with all of the
    lateness added, a chunk may be told a little older than it was, and never younger.
    """
    followed = records[(records["state"] == CommandState.FOLLOWING) & (records["frame_age_ns"] >= 0)]
    first = followed[1:][np.diff(followed["chunk_sequence"]) != 0]  # that of the very first row may have come before
    return Spread.of_ns(first["frame_age_ns"] + first["t_sent_ns"] - first["t_deadline_ns"])


def _command_options(plan: LoopPlan) -> tuple[str, ...]:
    return ("--dry-run",) if plan.on_robot else ()


def _start_command(folder: Path, robot_file: Path, options: tuple[str, ...], stack: ExitStack) -> subprocess.Popen[str]:
    command = start(folder, "runtime.command_process", str(robot_file), "--log", _LOG, *options)
    stack.callback(_end_if_running, command)
    link = PolicyLink(folder / load_robot(robot_file).runtime.command_socket)
    stack.callback(link.close)
    t_end_ns = time.monotonic_ns() + round(_ARMED_S * 1e9)
    while command.poll() is None and time.monotonic_ns() < t_end_ns:
        status = link.wait_status(_LOOK_S)
        if status is not None and status.state is CommandState.READY:
            link.close()
            return command
    raise RefusedError(f"the command process is not ready within {_ARMED_S:g} s: {end(command).strip()}")


def _start_policy(folder: Path, stack: ExitStack, *, stay: bool) -> None:
    policy = start(folder, "bench.doctor.stamped_policy", "command.sock", "stay" if stay else "swing")
    stack.callback(end, policy)
    await_line(policy, "proposing")


def _pass(duration_s: float, progress: Callable[[float], None]) -> None:
    t_end_ns = time.monotonic_ns() + round(duration_s * 1e9)
    while (left_s := (t_end_ns - time.monotonic_ns()) * 1e-9) > 0:
        progress(left_s)
        time.sleep(min(_LOOK_S, left_s))


def _last_report(folder: Path, robot_file: Path) -> CommandReport | None:
    try:
        return ask_report(folder / load_robot(robot_file).runtime.operator_socket)
    except DeviceError:  # under load it may be late; what is measured does not need it
        return None


def _stop(command: subprocess.Popen[str], folder: Path) -> tuple[Records, int]:
    command.terminate()
    try:
        _, said = command.communicate(timeout=_STOP_S)
    except subprocess.TimeoutExpired:
        raise RefusedError(f"the command process does not end: {end(command).strip()}") from None
    if command.returncode != 0:
        raise RefusedError(f"the command process ended with status {command.returncode}: {said.strip()}")
    return load_log(folder / _LOG)


def _end_if_running(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        end(process)
