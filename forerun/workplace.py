"""The workplace of a calibration program on this machine: real devices, or the simulated ones that stand in for them."""

from __future__ import annotations

import argparse
from datetime import datetime, timezone

from calibration.records.store import RecordStore
from calibration.session.clock import MonotonicClock
from calibration.session.terminal_operator import TerminalOperator
from calibration.session.workplace import Workplace
from calibration.session.yes_operator import YesOperator
from drivers.open_devices import open_arm
from drivers.open_homing import open_homing
from forerun.policy import make_camera
from interfaces.errors import RefusedError
from runtime.calibrated_robot import load_zeros
from runtime.known_arm import known_arm

# These move the arm by its zeros. The others do without, or find them.
MOVING = {"servo", "hand-eye", "latency", "view", "capture"}
READING = {"status", "export"}
WITHOUT_RECORDS = {"capture"}  # writes none, and so needs no table [calibration] that says where and how they are kept


def workplace_for(what: str, arguments: argparse.Namespace) -> Workplace:
    """Return the workplace for one program and the options of forerun/calibrate.py.

    Raises ConfigError for an impossible robot file, CalibrationError where the arm is to move and its zeros are not to be believed,
    RefusedError where no record could be written: before the work, not after.
    """
    calibrated = load_zeros(arguments.robot, now=datetime.now(timezone.utc), needed=what in MOVING)
    robot = calibrated.robot
    if robot.calibration is None and what not in WITHOUT_RECORDS:
        raise RefusedError(f"robot {robot.name} has no table [calibration]; docs/calibration.md shows one")
    records = calibrated.folder or arguments.robot.parent / "calibration"
    if calibrated.folder and what not in READING:
        RecordStore(records).require_writable()
    clock = MonotonicClock()
    ask = YesOperator(clock, arguments.operator) if arguments.yes else TerminalOperator(arguments.operator)
    return Workplace(
        robot=robot,
        records=records,
        pictures=arguments.pictures or records / "pictures",
        operator=ask,
        clock=clock,
        make_arm=open_arm if what == "joints" else lambda config: known_arm(open_arm(config), calibrated),
        make_camera=make_camera,
        make_homing=lambda: open_homing(robot.arm),
    )
