"""From the robot file to the arm driver it names; a driver is imported only when it is asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from drivers.arm import Arm
from drivers.bus_budget import BusBudget
from interfaces.arm_config import ArmConfig

if TYPE_CHECKING:  # an arm on CAN loads no serial port
    from drivers.can.port import CanOpener
    from drivers.serial.port import PortOpener

# The key `driver` of the robot file -> module and class; each module also has `bus_budget(config)`.
_DRIVERS = {
    "feetech": ("drivers.feetech.arm", "FeetechArm"),
    "dynamixel": ("drivers.dynamixel.arm", "DynamixelArm"),
    "damiao": ("drivers.damiao.arm", "DamiaoArm"),
    "cia402": ("drivers.cia402.arm", "Cia402Arm"),
    "odrive": ("drivers.odrive.arm", "OdriveArm"),
    "robstride": ("drivers.robstride.arm", "RobstrideArm"),
}


def open_arm(config: ArmConfig, open_port: PortOpener | CanOpener | None = None) -> Arm:
    """Return the arm that `config.driver` names, not yet opened; its driver is imported now.

    `open_port` puts a port of another kind, a simulated one, in the place of the operating system's.
    """
    module, name = _DRIVERS[config.driver]
    make = getattr(importlib.import_module(module), name)
    arm: Arm = make(config, open_port) if open_port else make(config)
    return arm


def bus_budget(config: ArmConfig) -> BusBudget:
    """Return how long one cycle of the arm keeps the wire busy; its driver is imported now."""
    module, _ = _DRIVERS[config.driver]
    budget: BusBudget = importlib.import_module(module).bus_budget(config)
    return budget
