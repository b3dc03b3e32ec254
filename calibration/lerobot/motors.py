"""LeRobot's calibration of an arm with Feetech servos (SO-100, SO-101), and how it becomes a joints record and back. Pure.

    LeRobot, per motor                              here, per joint
    id                                              servo_id of the robot file: must be the same
    drive_mode                                      nothing: SO arms have 0; directions are the robot file's
    homing_offset    in the servo's EEPROM;         arm.motors.homing_offset
                     present = encoder - offset
    range_min, range_max   present position at      range_min_rad, range_max_rad
                     the stops, 0..4095
    0 degrees        in the middle between these    `home`, the encoder's reading at 0 rad: the middle between the stops is where
                                                    the drawing has it (`stops_rad`, else the limits of position); of a joint that
                                                    turns all around, where LeRobot has 0 degrees

So an arm whose drawing is not symmetric (the SO-101's gripper: -10 to 100 degrees) has its zero elsewhere in LeRobot than here.
LeRobot counts 4095 ticks a turn for its degrees, and 4096 here: 0.02 degrees on 90. What it has not: what passed and what
failed, when, by whom, which way a joint turns, a zero that is not in the middle.

Source: LeRobot, motors/feetech/feetech.py, motors/motors_bus.py and robots/so101_follower (2025 to 2026).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

from interfaces.arm_config import FeetechConfig, FeetechJoint
from interfaces.calibration.joints import JointCalibration, JointsRecord
from interfaces.errors import ConfigError, RefusedError
from interfaces.toml_loader import from_table, require

TICKS_PER_TURN = 4096
TICKS_MAX = TICKS_PER_TURN - 1
OFFSET_MAX_TICKS = 2047  # the register is sign and magnitude, 11 bits
RAD_PER_TICK = 2 * math.pi / TICKS_PER_TURN
ALL_AROUND_TICKS = 4014  # 98 % of a turn: no stop was met


@dataclass(frozen=True, slots=True, kw_only=True)
class LerobotMotor:
    """One motor in LeRobot's file."""

    id: int
    drive_mode: int
    homing_offset: int
    range_min: int
    range_max: int

    def __post_init__(self) -> None:
        """Check what a servo can have."""
        offset, low, high = self.homing_offset, self.range_min, self.range_max
        require(abs(offset) <= OFFSET_MAX_TICKS, "homing_offset", offset, f"at most {OFFSET_MAX_TICKS}, either way")
        require(0 <= low <= TICKS_MAX, "range_min", low, f"0..{TICKS_MAX}")
        require(low < high <= TICKS_MAX, "range_max", high, f"more than range_min, {low}, at most {TICKS_MAX}")

    @property
    def turns_all_around(self) -> bool:
        """Return whether no stop was met."""
        return self.range_max - self.range_min >= ALL_AROUND_TICKS

    @property
    def middle_ticks(self) -> float:
        """Return where LeRobot has 0 degrees, as the bare encoder counts, not wrapped."""
        return (self.range_min + self.range_max) / 2 + self.homing_offset


def parse_lerobot(text: str, file: str) -> dict[str, LerobotMotor]:
    """Return the motors in the JSON `text`, by joint; raises ConfigError naming file, key, value and expectation."""
    try:
        table = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(file, "file", str(error), "JSON, as LeRobot writes it") from error
    if not isinstance(table, dict) or not table:
        raise ConfigError(file, "file", type(cast("object", table)).__name__, "a table of motors, as LeRobot writes it")
    motors = cast("dict[str, Any]", table)
    for name, motor in motors.items():
        if not isinstance(motor, dict):
            raise ConfigError(file, name, motor, "a table with id, drive_mode, homing_offset, range_min, range_max")
    return {name: from_table(motor, LerobotMotor, file, f"{name}.") for name, motor in motors.items()}


def lerobot_text(motors: Mapping[str, LerobotMotor]) -> str:
    """Return the file as LeRobot writes it."""
    return json.dumps({name: asdict(motor) for name, motor in motors.items()}, indent=4) + "\n"


def in_order(motors: Mapping[str, LerobotMotor], arm: FeetechConfig, file: str) -> list[LerobotMotor]:
    """Return the motors in the order of the robot file; raises RefusedError where they are not this arm's."""
    if set(motors) != set(arm.joint_names):
        raise RefusedError(f"{file} has {', '.join(motors)}; the robot file has {', '.join(arm.joint_names)}")
    for joint in arm.joints:
        if motors[joint.name].id != joint.servo_id:
            raise RefusedError(
                f"{file}: {joint.name} has id {motors[joint.name].id}, the robot file says {joint.servo_id}"
            )
    return [motors[name] for name in arm.joint_names]


def calibration_of(motor: LerobotMotor, joint: FeetechJoint) -> JointCalibration:
    """Return what a motor of LeRobot's file says of a joint."""
    middle_rad = 0.0 if turns_freely(joint, motor) else sum(_stops_rad(joint)) / 2
    zero_ticks = motor.middle_ticks - joint.direction * middle_rad / RAD_PER_TICK
    ends = [motor.range_min + motor.homing_offset, motor.range_max + motor.homing_offset]
    low, high = sorted(joint.direction * (end - zero_ticks) * RAD_PER_TICK for end in ends)
    return JointCalibration(
        name=joint.name,
        home=zero_ticks % TICKS_PER_TURN,
        direction=joint.direction,
        range_min_rad=low,
        range_max_rad=high,
    )


def motors_of(record: JointsRecord, arm: FeetechConfig) -> dict[str, LerobotMotor]:
    """Return the record of a Feetech arm as LeRobot's motors; the offsets that the servos keep stay where they can."""
    rows = zip(record.joints, arm.joints, record.arm.motors, strict=True)
    return {joint.name: _motor_of(measured, joint, kept.homing_offset) for measured, joint, kept in rows}


def zeros_apart_rad(record: JointsRecord, motors: Sequence[LerobotMotor]) -> list[float]:
    """Return at which angle of ours LeRobot has 0 degrees, per joint."""
    return [
        _nearest(motor.middle_ticks - joint.home) * joint.direction * RAD_PER_TICK
        for joint, motor in zip(record.joints, motors, strict=True)
    ]


def turns_freely(joint: FeetechJoint, motor: LerobotMotor) -> bool:
    """Return whether a joint has no stops, by the robot file or because none was met."""
    return joint.stops_rad == () or motor.turns_all_around


def _motor_of(measured: JointCalibration, joint: FeetechJoint, kept_offset: int) -> LerobotMotor:
    """Return one motor: its whole turn around the zero where it has no stops, else its travel."""
    ends = [
        measured.home + measured.direction * end / RAD_PER_TICK
        for end in (measured.range_min_rad, measured.range_max_rad)
    ]
    low, high = round(min(ends)), round(max(ends))
    if joint.stops_rad == () or high - low >= ALL_AROUND_TICKS:
        low = math.ceil(measured.home - TICKS_PER_TURN / 2)
        low += _nearest(low) < -OFFSET_MAX_TICKS  # the one offset of 4096 that the register cannot hold
        high = low + TICKS_MAX
    offset, shift = _offset(low, high, kept_offset)
    return LerobotMotor(
        id=joint.servo_id, drive_mode=0, homing_offset=offset, range_min=low - shift, range_max=high - shift
    )


def _offset(low: int, high: int, kept: int) -> tuple[int, int]:
    """Return a homing offset with which a travel does not cross the seam, and the same plus whole turns.

    The one that the servo keeps where it serves: then LeRobot has nothing to write into it. Else the one that puts the middle
    of the travel at half a turn, as LeRobot would.
    """
    middle = (low + high - TICKS_MAX) // 2
    for offset in (kept, middle, middle + 1):
        shift = offset + math.floor(((low + high) / 2 - offset) / TICKS_PER_TURN) * TICKS_PER_TURN
        within = _nearest(offset)
        if low - shift >= 0 and high - shift <= TICKS_MAX and abs(within) <= OFFSET_MAX_TICKS:
            return round(within), shift
    raise RefusedError(
        f"no homing offset of at most {OFFSET_MAX_TICKS} keeps a travel of {low}..{high} ticks off the seam"
    )


def _nearest(ticks: float) -> float:
    """Return the same place on the encoder's circle, at most half a turn from 0."""
    return (ticks + TICKS_PER_TURN / 2) % TICKS_PER_TURN - TICKS_PER_TURN / 2


def _stops_rad(joint: FeetechJoint) -> tuple[float, float]:
    low, high = joint.stops_rad or (joint.position_min_rad, joint.position_max_rad)
    return low, high
