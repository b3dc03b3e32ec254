"""What a robot file may say of an arm of Dynamixel servos."""

from dataclasses import replace
from pathlib import Path

import pytest

from interfaces.arm_config import DynamixelConfig
from interfaces.robot_config import load_robot


def koch() -> DynamixelConfig:
    arm = load_robot(Path(__file__).parents[2] / "robots" / "koch.toml").arm
    assert isinstance(arm, DynamixelConfig)
    return arm


@pytest.mark.parametrize("timeout_ms", [0.0, 30.0, 500.0, 2540.0])
def test_time_outs_that_the_servos_can_count(timeout_ms: float) -> None:
    assert replace(koch(), motor_timeout_ms=timeout_ms).motor_timeout_ms == timeout_ms


@pytest.mark.parametrize("timeout_ms", [-1.0, 29.0, 2541.0])
def test_time_outs_that_they_cannot(timeout_ms: float) -> None:
    with pytest.raises(ValueError, match="motor_timeout_ms"):
        replace(koch(), motor_timeout_ms=timeout_ms)


def test_two_servos_with_one_id_are_refused() -> None:
    first, second, *rest = koch().joints
    with pytest.raises(ValueError, match="servo_id"):
        replace(koch(), joints=(first, replace(second, servo_id=first.servo_id), *rest))
