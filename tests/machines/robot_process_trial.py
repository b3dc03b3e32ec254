"""Processes that die or hang: systemd sees it, starts them again, and knows when to stop. Run by nspawn_robot.py."""

from __future__ import annotations

import signal
import time

from interfaces import installed
from interfaces.messages import CommandState
from tests.machines.nspawn_machine import until
from tests.machines.robot_installed import InstalledRobot

WITHIN_S = 1.0
CRASHES = 5
CRITICAL = "2"  # of the priorities of syslog


def command_killed(robot: InstalledRobot) -> str:
    """Killed in the middle of a motion, the command process is started again, and takes the arm where it stands."""
    n_before = robot.number(installed.COMMAND_UNIT, "NRestarts")
    t_killed_ns = robot.kill(installed.COMMAND_UNIT, signal.SIGKILL)
    robot.await_another(installed.COMMAND_UNIT, n_before)
    ready_s = seconds_between(t_killed_ns, ready_at_ns(robot, installed.COMMAND_UNIT))
    robot.await_state(CommandState.FOLLOWING)
    assert robot.world.status()["drives"], "the motors have no torque"
    return f"ready again after {ready_s:.2f} s, and follows"


def command_stalled(robot: InstalledRobot) -> str:
    """A command process that makes no progress is killed by the watchdog, and another runs within a second."""
    n_before, cursor = robot.number(installed.COMMAND_UNIT, "NRestarts"), robot.cursor()
    t_stalled_ns = robot.kill(installed.COMMAND_UNIT, signal.SIGSTOP)
    robot.await_another(installed.COMMAND_UNIT, n_before)
    started_s = seconds_between(
        t_stalled_ns, robot.number(installed.COMMAND_UNIT, "ExecMainStartTimestampMonotonic") * 1000
    )
    ready_s = seconds_between(t_stalled_ns, ready_at_ns(robot, installed.COMMAND_UNIT))
    robot.await_line(cursor, "watchdog", installed.COMMAND_UNIT)
    assert started_s <= WITHIN_S, f"started again {started_s:.2f} s after the stall, not within {WITHIN_S:g} s"
    robot.await_state(CommandState.FOLLOWING)
    return f"killed by the watchdog and started again {started_s:.2f} s after the stall, ready after {ready_s:.2f} s"


def crash_loop(robot: InstalledRobot) -> str:
    """Five crashes in a minute end in the safe state, with one message, and a person starts it again."""
    cursor = robot.cursor()
    # The crashes of other trials do not count; a start from here on does.
    robot.stop()
    robot.start()
    for crash in range(CRASHES):
        robot.await_active(installed.COMMAND_UNIT)
        robot.kill(installed.COMMAND_UNIT, signal.SIGKILL)
        until(lambda: robot.show(installed.COMMAND_UNIT, "ActiveState") != "active", 10.0, f"crash {crash + 1} is seen")
    until(lambda: robot.show(installed.COMMAND_UNIT, "ActiveState") == "failed", 10.0, "the unit is failed")
    robot.await_active(installed.SAFE_UNIT)
    time.sleep(WITHIN_S)  # nothing more may come
    assert not robot.is_active(installed.COMMAND_UNIT), "it was started a sixth time"
    until(lambda: not robot.is_active(installed.POLICY_UNIT), 10.0, "the policy is ended")
    messages = [entry["MESSAGE"] for entry in robot.journal(cursor) if entry["PRIORITY"] == CRITICAL]
    assert len(messages) == 1, f"{len(messages)} messages of the highest priority instead of one: {messages}"
    assert "forerun start" in messages[0], f"the message names no remedy: {messages[0]}"
    status, said = robot.forerun("start")
    assert status == 0, f"forerun start: {said}"
    assert not robot.is_active(installed.SAFE_UNIT), "the safe state is still there after forerun start"
    robot.await_state(CommandState.FOLLOWING)
    return f"safe state, one message, started by a person: {messages[0]}"


def policy_stalled(robot: InstalledRobot) -> str:
    """A policy that hangs lets the arm hold at once; the watchdog then starts it again, and the arm follows."""
    return policy_lost(robot, signal.SIGSTOP)


def policy_killed(robot: InstalledRobot) -> str:
    """A policy that dies is started again; the arm holds meanwhile, and follows after."""
    return policy_lost(robot, signal.SIGKILL)


def policy_lost(robot: InstalledRobot, how: signal.Signals) -> str:
    """Lose the policy to a signal, and see the arm hold, and follow again."""
    n_before = robot.number(installed.POLICY_UNIT, "NRestarts")
    n_command = robot.number(installed.COMMAND_UNIT, "NRestarts")
    t_lost_ns = robot.kill(installed.POLICY_UNIT, how)
    held_s = seconds_between(t_lost_ns, robot.await_state(CommandState.HOLDING, patience_s=5.0))
    robot.await_another(installed.POLICY_UNIT, n_before)
    back_s = seconds_between(t_lost_ns, robot.await_state(CommandState.FOLLOWING))
    assert robot.number(installed.COMMAND_UNIT, "NRestarts") == n_command, "the command process did not survive it"
    return f"holds after {held_s:.2f} s, follows again after {back_s:.1f} s"


def bystanders_killed(robot: InstalledRobot) -> str:
    """Recorder and page may die: nobody notices, and they are started again."""
    units = (installed.RECORD_UNIT, installed.PAGE_UNIT)
    n_before = {unit: robot.number(unit, "NRestarts") for unit in units}
    pids = [robot.number(unit, "MainPID") for unit in (installed.COMMAND_UNIT, installed.POLICY_UNIT)]
    cursor = robot.cursor()
    for unit in units:
        robot.kill(unit, signal.SIGKILL)
    for unit in units:
        robot.await_another(unit, n_before[unit])
    assert pids == [robot.number(unit, "MainPID") for unit in (installed.COMMAND_UNIT, installed.POLICY_UNIT)]
    changes = [line for line in robot.said(cursor, installed.COMMAND_UNIT) if "HOLDING" in line or "FAULT" in line]
    return f"both started again; the command process said {changes or 'nothing'}"


def ready_at_ns(robot: InstalledRobot, unit: str) -> int:
    """Return when a unit said READY, on the monotonic clock, which the machine shares with us."""
    return robot.number(unit, "ActiveEnterTimestampMonotonic") * 1000


def seconds_between(t_start_ns: int, t_end_ns: int) -> float:
    """Return a duration in seconds."""
    return (t_end_ns - t_start_ns) * 1e-9
