"""The workplace of a calibration program on this machine: real devices, or the simulated ones that stand in for them."""

from __future__ import annotations

import argparse
from datetime import datetime, timezone

from calibration.session.clock import MonotonicClock
from calibration.session.terminal_operator import TerminalOperator
from calibration.session.workplace import Workplace
from calibration.session.yes_operator import YesOperator
from drivers.open_devices import open_arm
from drivers.open_homing import open_homing
from forerun.policy import make_camera
from runtime.calibrated_robot import load_for_calibration


def workplace_for(arguments: argparse.Namespace) -> Workplace:
    """Return the workplace for the options of forerun/calibrate.py; raises ConfigError for an impossible robot file."""
    robot = load_for_calibration(arguments.robot, now=datetime.now(timezone.utc))
    folder = robot.calibration.folder if robot.calibration else "calibration"
    records = arguments.robot.resolve().parent / folder
    clock = MonotonicClock()
    ask = YesOperator(clock, arguments.operator) if arguments.yes else TerminalOperator(arguments.operator)
    return Workplace(
        robot=robot,
        records=records,
        pictures=arguments.pictures or records / "pictures",
        operator=ask,
        clock=clock,
        make_arm=open_arm,
        make_camera=make_camera,
        make_homing=lambda: open_homing(robot.arm),
    )
