"""From the robot file to the homing of its servos, for the families that keep a homing offset; imported only when asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from drivers.homing import ServoHoming
from interfaces.arm_config import ArmConfig

if TYPE_CHECKING:  # an arm on CAN loads no serial port
    from drivers.serial.port import PortOpener

_HOMINGS = {
    "feetech": ("drivers.feetech.homing", "FeetechHoming"),
    "dynamixel": ("drivers.dynamixel.homing", "DynamixelHoming"),
}


def open_homing(config: ArmConfig, open_port: PortOpener | None = None) -> ServoHoming | None:
    """Return the homing of the servos that `config.driver` names, not yet opened; None for motors that keep no such offset.

    `open_port` puts a port of another kind, a simulated one, in the place of the operating system's.
    """
    if config.driver not in _HOMINGS:
        return None
    module, name = _HOMINGS[config.driver]
    make = getattr(importlib.import_module(module), name)
    homing: ServoHoming = make(config, open_port) if open_port else make(config)
    return homing
