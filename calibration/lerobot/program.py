"""LeRobot's calibration file of an arm with Feetech servos: read it as the joints record, or write the record as one.

    forerun calibrate lerobot robots/mine.toml read ~/.cache/huggingface/lerobot/calibration/robots/so101_follower/mine.json
    forerun calibrate lerobot robots/mine.toml write mine.json

Reading asks the servos which they are, and whether they keep the offsets of the file; it writes nothing into them. What the two
do not have in common stands in docs/calibration/records.md.
"""

from __future__ import annotations

import argparse
import contextlib
import math
from datetime import datetime, timezone
from pathlib import Path

from rich.table import Table
from rich.text import Text

from calibration.joints.checks import BEYOND_MAX_DEG, WIDTH_MAX_DEG
from calibration.lerobot.motors import (
    LerobotMotor,
    calibration_of,
    in_order,
    lerobot_text,
    motors_of,
    parse_lerobot,
    turns_freely,
    zeros_apart_rad,
)
from calibration.records.header import new_header
from calibration.records.store import RecordStore
from calibration.session.workplace import Workplace
from interfaces.arm_config import FeetechConfig
from interfaces.calibration.joints import JointCalibration, JointsRecord
from interfaces.calibration.record import FORMAT, ArmIdentity, Check
from interfaces.calibration.record_file import read_record
from interfaces.device_facts import MotorIdentity
from interfaces.durable import write_whole
from interfaces.errors import ConfigError, DeviceError, RefusedError
from runtime.record_findings import judge

_SIZE_MAX_BYTES = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "way", choices=["read", "write"], help="LeRobot's file into the joints record, or the other way"
    )
    parser.add_argument("file", type=Path, help="LeRobot's file")
    parser.add_argument("--without-arm", action="store_true", help="read: do not ask the servos, they are not here")
    parser.add_argument("--force", action="store_true", help="write: over a file that is there")


def run(workplace: Workplace, arguments: argparse.Namespace) -> int:
    """Read or write; raises ConfigError or RefusedError for a file that is none of LeRobot's, or not this arm's."""
    arm = workplace.robot.arm
    _ = workplace.calibration  # refused where the robot file has no such table
    if not isinstance(arm, FeetechConfig):
        raise RefusedError(f"LeRobot's file is read and written for Feetech servos; this arm has driver {arm.driver}")
    if arguments.way == "write":
        return _write(workplace, arm, arguments)
    return _read(workplace, arm, arguments)


def _read(workplace: Workplace, arm: FeetechConfig, arguments: argparse.Namespace) -> int:
    motors = in_order(parse_lerobot(_text(arguments.file), str(arguments.file)), arm, str(arguments.file))
    if arguments.without_arm:
        identity = tuple(
            MotorIdentity(joint=joint.name, motor_id=joint.servo_id, model="", homing_offset=motor.homing_offset)
            for joint, motor in zip(arm.joints, motors, strict=True)
        )
    else:
        identity = _servos(workplace)
        _require_same_offsets(identity, motors, arguments.file)
    joints = tuple(calibration_of(motor, joint) for motor, joint in zip(motors, arm.joints, strict=True))
    note = f"from LeRobot's {arguments.file.name}{', the servos not asked' if arguments.without_arm else ''}"
    record = JointsRecord(
        kind="joints",
        format=FORMAT,
        header=new_header(workplace, _checks(joints, motors, arm), note=note),
        arm=ArmIdentity(driver=arm.driver, motors=identity),
        offsets="eeprom",
        reference="stops",
        joints=joints,
    )
    _show(workplace, record, motors)
    if not record.header.passed:
        failed = "; ".join(
            f"{c.name} {c.value:.1f} {c.unit}, limit {c.limit:g}" for c in record.header.checks if not c.passed
        )
        workplace.operator.say(Text(f"not written: {failed}"))
        return 1
    path = RecordStore(workplace.records, arguments.robot).save(record)
    workplace.operator.say(Text(f"{path} is written"))
    return 0


def _write(workplace: Workplace, arm: FeetechConfig, arguments: argparse.Namespace) -> int:
    place = RecordStore(workplace.records, arguments.robot).place("joints")
    record = read_record(place)
    if arguments.file.exists() and not arguments.force:
        raise RefusedError(f"{arguments.file} is there already; --force writes over it")
    state, why = judge(record, workplace.robot, datetime.now(timezone.utc))
    if state != "good" or not isinstance(record, JointsRecord):
        raise place.refusal(why)
    motors = motors_of(record, arm)
    try:
        write_whole(arguments.file, lerobot_text(motors).encode())
    except OSError as error:
        raise RefusedError(f"{arguments.file} cannot be written: {error.strerror}") from error
    _show(workplace, record, list(motors.values()))
    workplace.operator.say(Text(f"{arguments.file} is written"))
    _warn_of_changes(workplace, record, motors)
    return 0


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(_SIZE_MAX_BYTES).decode()
    except OSError as error:
        raise ConfigError(str(file), "file", error.strerror, "LeRobot's calibration file") from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(file), "file", str(error), "JSON in UTF-8") from error


def _servos(workplace: Workplace) -> tuple[MotorIdentity, ...]:
    """Return which servos there are, asked on their bus; nothing is written."""
    homing = workplace.make_homing()
    if homing is None:
        raise RefusedError("the servos cannot be asked here; --without-arm does without them")
    try:
        with contextlib.closing(homing):
            homing.open()
            return homing.identity()
    except DeviceError as error:
        raise RefusedError(f"{error}; --without-arm does without the servos") from error


def _require_same_offsets(identity: tuple[MotorIdentity, ...], motors: list[LerobotMotor], file: Path) -> None:
    for servo, motor in zip(identity, motors, strict=True):
        if servo.homing_offset != motor.homing_offset:
            raise RefusedError(
                f"{file}: {servo.joint} has homing offset {motor.homing_offset}, its servo keeps {servo.homing_offset}:"
                " the file is of another arm, or the arm was calibrated since"
            )


def _checks(joints: tuple[JointCalibration, ...], motors: list[LerobotMotor], arm: FeetechConfig) -> list[Check]:
    """Judge it as `forerun calibrate joints` does, as far as the file tells."""
    width_deg, beyond_deg = 0.0, 0.0
    for measured, motor, joint in zip(joints, motors, arm.joints, strict=True):
        if turns_freely(joint, motor):
            continue
        low, high = measured.range_min_rad, measured.range_max_rad
        stops = joint.stops_rad or (joint.position_min_rad, joint.position_max_rad)
        width_deg = max(width_deg, abs(math.degrees(high - low - (stops[1] - stops[0]))))
        beyond_deg = max(beyond_deg, math.degrees(max(low - joint.position_min_rad, joint.position_max_rad - high)))
    return [
        Check(name="travel against the drawing's", value=width_deg, limit=WIDTH_MAX_DEG, unit="deg"),
        Check(name="limits of the robot file beyond the stops", value=beyond_deg, limit=BEYOND_MAX_DEG, unit="deg"),
    ]


def _show(workplace: Workplace, record: JointsRecord, motors: list[LerobotMotor]) -> None:
    table = Table()
    for column in ("joint", "zero", "travel, deg", "offset", "range", "LeRobot's 0"):
        table.add_column(column, justify="left" if column == "joint" else "right")
    for joint, motor, apart_rad in zip(record.joints, motors, zeros_apart_rad(record, motors), strict=True):
        travel = f"{math.degrees(joint.range_min_rad):.1f} to {math.degrees(joint.range_max_rad):.1f}"
        ticks = (str(motor.homing_offset), f"{motor.range_min} to {motor.range_max}")
        table.add_row(Text(joint.name), f"{joint.home:.1f}", travel, *ticks, f"at {math.degrees(apart_rad):.2f} deg")
    workplace.operator.say(table)


def _warn_of_changes(workplace: Workplace, record: JointsRecord, motors: dict[str, LerobotMotor]) -> None:
    """Say which servos LeRobot will give another offset, for they are then no more those of the record."""
    kept = {motor.joint: motor.homing_offset for motor in record.arm.motors}
    moved = [name for name, motor in motors.items() if kept[name] != motor.homing_offset]
    if moved:
        workplace.operator.say(
            Text(
                f"LeRobot writes other homing offsets into {', '.join(moved)}; then read the file back"
                " (forerun calibrate lerobot ... read), or this robot refuses them"
            )
        )
