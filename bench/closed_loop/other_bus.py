"""The simulated robot with motors of another family: same joints, same limits, same policy, another bus and another driver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

from interfaces.arm_config import (
    AnyArmConfig,
    ArmConfig,
    Cia402Config,
    Cia402Joint,
    DamiaoConfig,
    DamiaoJoint,
    DynamixelConfig,
    DynamixelJoint,
    FeetechConfig,
    JointConfig,
    OdriveConfig,
    OdriveJoint,
    RobstrideConfig,
    RobstrideJoint,
)
from interfaces.robot_config import RobotConfig, load_robot
from interfaces.toml_writer import to_toml
from runtime.policy.bundle import bundle_folder

MOTOR_TIMEOUT_MS = 100.0
SPRING: dict[str, Any] = {"stiffness_nm_rad": 20.0, "damping_nm_s_rad": 1.0}
GEAR = 8.0
COUNTS_PER_TURN = 2.0**17
# Motors on CAN tell their supply late, or never: the servos' limit would be a wrong one.
ON_CAN: dict[str, Any] = {"port": "slcan:servo-bus", "baud_hz": 1_000_000, "voltage_min_v": 0.0}

A = TypeVar("A", bound=ArmConfig)
J = TypeVar("J", bound=JointConfig)


def on_bus(robot: RobotConfig, bus: str) -> RobotConfig:
    """Return the simulated robot with its motors replaced by those of another family."""
    return replace(robot, arm=_MAKERS[bus](robot.arm))


def write_on_bus(robot_file: Path, bus: str, folder: Path) -> Path:
    """Write the robot file, with motors of another family, into `folder`; return where it is."""
    robot = on_bus(load_robot(robot_file), bus)
    bundle = bundle_folder(robot_file, robot).resolve()
    written = folder / f"{robot.name}-{bus}.toml"
    folder.mkdir(parents=True, exist_ok=True)
    text = to_toml(replace(robot, policy=replace(robot.policy, bundle=str(bundle))))
    written.write_text(text, encoding="utf-8")
    return written


def _feetech(arm: AnyArmConfig) -> FeetechConfig:
    assert isinstance(arm, FeetechConfig)
    return arm


def _dynamixel(arm: ArmConfig) -> DynamixelConfig:
    joints = [_joint(DynamixelJoint, joint, servo_id=i, home_ticks=2048) for i, joint in enumerate(arm.joints, 1)]
    return _arm(DynamixelConfig, arm, joints, driver="dynamixel", motor_timeout_ms=MOTOR_TIMEOUT_MS)


def _damiao(arm: ArmConfig) -> DamiaoConfig:
    joints = [
        _joint(DamiaoJoint, joint, model="DM4310", motor_id=i, feedback_id=0x10 + i, zero_rad=0.0, **SPRING)
        for i, joint in enumerate(arm.joints, 1)
    ]
    return _arm(DamiaoConfig, arm, joints, driver="damiao", motor_timeout_ms=MOTOR_TIMEOUT_MS, **ON_CAN)


def _robstride(arm: ArmConfig) -> RobstrideConfig:
    joints = [
        _joint(RobstrideJoint, joint, model="RS00", motor_id=i, zero_rad=0.0, **SPRING)
        for i, joint in enumerate(arm.joints, 1)
    ]
    return _arm(RobstrideConfig, arm, joints, driver="robstride", motor_timeout_ms=MOTOR_TIMEOUT_MS, **ON_CAN)


def _odrive(arm: ArmConfig) -> OdriveConfig:
    motor = {"turns_per_turn": GEAR, "home_turns": 0.0, "torque_max_nm": 0.5, "torque_constant_nm_a": 0.05}
    joints = [_joint(OdriveJoint, joint, node_id=i, **motor) for i, joint in enumerate(arm.joints)]
    return _arm(OdriveConfig, arm, joints, driver="odrive", **ON_CAN)


def _cia402(arm: ArmConfig) -> Cia402Config:
    joints = [
        _joint(Cia402Joint, joint, node_id=i, counts_per_turn=COUNTS_PER_TURN, home_counts=0)
        for i, joint in enumerate(arm.joints, 1)
    ]
    return _arm(Cia402Config, arm, joints, driver="cia402", motor_timeout_ms=MOTOR_TIMEOUT_MS, **ON_CAN)


def _arm(schema: type[A], arm: ArmConfig, joints: Sequence[JointConfig], **own: Any) -> A:
    """Return the arm as one of another family: what all arms have, and the family's own keys."""
    values: dict[str, Any] = {**_common(ArmConfig, arm), "joints": tuple(joints), **own}
    return schema(**values)


def _joint(schema: type[J], joint: JointConfig, **own: Any) -> J:
    return schema(**_common(JointConfig, joint), **own)


def _common(schema: type[ArmConfig | JointConfig], config: ArmConfig | JointConfig) -> dict[str, Any]:
    return {field.name: getattr(config, field.name) for field in fields(schema)}


_MAKERS: dict[str, Callable[[AnyArmConfig], AnyArmConfig]] = {
    "feetech": _feetech,
    "dynamixel": _dynamixel,
    "damiao": _damiao,
    "robstride": _robstride,
    "odrive": _odrive,
    "cia402": _cia402,
}
