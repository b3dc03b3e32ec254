"""From the robot file to the drivers it names; a driver is imported only when it is asked for."""

from __future__ import annotations

from collections.abc import Callable

from drivers.arm import Arm
from interfaces.robot_config import ArmConfig


def open_arm(config: ArmConfig) -> Arm:
    """Return the arm that `config.driver` names, not yet opened; its driver is imported now."""
    return _ARMS[config.driver](config)


def _feetech(config: ArmConfig) -> Arm:
    from drivers.feetech import FeetechArm

    return FeetechArm(config)


_ARMS: dict[str, Callable[[ArmConfig], Arm]] = {"feetech": _feetech}
