"""From power to motion: how long the installed robot takes to hold its arm, and to follow. Run by nspawn_robot.py."""

from __future__ import annotations

import json

from interfaces import installed
from interfaces.messages import CommandState
from tests.machines.robot_installed import InstalledRobot

HELD_S = 5.0
FOLLOWING_S = 10.0


def boot(robot: InstalledRobot) -> str:
    """Switched on, the robot holds its arm within five seconds, and follows within ten, with nobody there."""
    robot.machine.power_off()
    robot.machine.boot()
    robot.await_state(CommandState.FOLLOWING, patience_s=60.0)
    t_boot_us = robot.number("", "UserspaceTimestampMonotonic")
    t_held_us = robot.number(installed.COMMAND_UNIT, "ActiveEnterTimestampMonotonic")
    held_s, following_s = (t_held_us - t_boot_us) * 1e-6, (following_us(robot) - t_boot_us) * 1e-6
    assert robot.world.status()["drives"], "the motors have no torque"
    assert held_s <= HELD_S, f"the first held pose comes {held_s:.2f} s after systemd began"
    assert following_s <= FOLLOWING_S, f"it follows {following_s:.2f} s after systemd began"
    return f"holds {held_s:.2f} s after systemd began, follows after {following_s:.2f} s"


def following_us(robot: InstalledRobot) -> int:
    """Return when the command process said that it follows, on the monotonic clock."""
    said = robot.machine.do("journalctl", "--quiet", "--boot", "--output=json", f"--unit={installed.COMMAND_UNIT}")
    entries = [json.loads(line) for line in said.splitlines()]
    return next(int(entry["__MONOTONIC_TIMESTAMP"]) for entry in entries if "-> FOLLOWING" in entry["MESSAGE"])
