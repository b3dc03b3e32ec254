"""Each family of motors has its own word for a joint's zero; here they are one list of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast, get_type_hints

from interfaces.arm_config import AnyArmConfig
from interfaces.toml_loader import require

HOME_KEYS = {
    "feetech": "home_ticks",
    "dynamixel": "home_ticks",
    "damiao": "zero_rad",
    "robstride": "zero_rad",
    "odrive": "home_turns",
    "cia402": "home_counts",
}
MOTOR_ID_KEYS = {
    "feetech": "servo_id",
    "dynamixel": "servo_id",
    "damiao": "motor_id",
    "robstride": "motor_id",
    "odrive": "node_id",
    "cia402": "node_id",
}


def homes(arm: AnyArmConfig) -> tuple[float, ...]:
    """Return what each joint's motor counts at 0 rad, in the motor's own unit, in the order of the robot file."""
    return tuple(float(getattr(joint, HOME_KEYS[arm.driver])) for joint in arm.joints)


def with_homes(arm: AnyArmConfig, values: Sequence[float]) -> AnyArmConfig:
    """Return the arm with other homes, rounded where the motor counts whole numbers."""
    require(len(values) == len(arm.joints), "joints", len(values), f"{len(arm.joints)} homes")
    key = HOME_KEYS[arm.driver]
    whole = get_type_hints(type(arm.joints[0]))[key] is int
    joints = tuple(
        replace(cast("Any", joint), **{key: round(value) if whole else float(value)})
        for joint, value in zip(arm.joints, values, strict=True)
    )
    return cast("AnyArmConfig", replace(cast("Any", arm), joints=joints))


def motor_ids(arm: AnyArmConfig) -> tuple[int, ...]:
    """Return by which number each joint's motor is called, in the order of the robot file."""
    return tuple(getattr(joint, MOTOR_ID_KEYS[arm.driver]) for joint in arm.joints)
