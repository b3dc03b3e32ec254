"""The simulated arm hangs on a Feetech bus: what simulates it must know that the robot file says so, too."""

from __future__ import annotations

from interfaces.arm_config import ArmConfig, FeetechConfig
from interfaces.errors import RefusedError


def feetech_arm(arm: ArmConfig) -> FeetechConfig:
    """Return the arm of a robot file, known to have Feetech servos; raises RefusedError where it has others."""
    if not isinstance(arm, FeetechConfig):
        raise RefusedError(f"the simulated arm has Feetech servos; this robot file's arm has {arm.driver}")
    return arm
