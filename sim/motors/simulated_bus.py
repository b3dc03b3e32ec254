"""The bus of the simulated arm, whatever motors its robot file names: emulated ones of that family, on the world's actuators."""

from __future__ import annotations

import math
from collections.abc import Callable

from drivers.damiao.protocol import RANGES
from drivers.dynamixel.registers import BAUD_CODE, BAUD_HZ_BY_CODE
from drivers.robstride.protocol import SPANS
from interfaces.arm_config import (
    ArmConfig,
    Cia402Config,
    DamiaoConfig,
    DynamixelConfig,
    FeetechConfig,
    OdriveConfig,
    RobstrideConfig,
)
from interfaces.errors import RefusedError
from sim.can.bus import CanBus, CanNode
from sim.can.lockstep import LockstepCan
from sim.can.slcan_adapter import SlcanAdapter
from sim.cia402.emulator import EmulatedDrive
from sim.damiao.emulator import EmulatedDamiao
from sim.dynamixel.bus import DynamixelServoBus
from sim.dynamixel.emulator import EmulatedDynamixel
from sim.motors.motion import Actuators
from sim.motors.positioned import PositionedMotors
from sim.motors.servo_world import simulated_servo_bus
from sim.odrive.emulator import EmulatedAxis
from sim.robstride.emulator import EmulatedRobstride
from sim.serial.bus import SerialBus
from sim.serial.lockstep import LockstepSerial

XL430 = 1060
SLCAN = "slcan:"


def simulated_bus(arm: ArmConfig, actuators: Actuators) -> SerialBus | CanBus:
    """Return emulated motors of the arm's family, with the ids of its joints; raises RefusedError for a family without any."""
    if isinstance(arm, FeetechConfig):
        return simulated_servo_bus(actuators)
    if isinstance(arm, DynamixelConfig):
        return _dynamixels(arm, actuators)
    return CanBus(_can_nodes(arm, actuators), arm.baud_hz)


def behind_a_pty(arm: ArmConfig, bus: SerialBus | CanBus) -> tuple[SerialBus, str]:
    """Return the bus as a serial port shows it, a CAN bus through an adapter, and where the port shall be."""
    if not isinstance(bus, CanBus):
        return bus, arm.port
    if not arm.port.startswith(SLCAN):
        raise RefusedError(
            f'arm.port is "{arm.port}": a simulated CAN bus stands behind a serial adapter, "{SLCAN}NAME"'
        )
    return SlcanAdapter(bus), arm.port.removeprefix(SLCAN)


def lockstep_port(
    bus: SerialBus | CanBus, clock_ns: Callable[[], int], let_pass: Callable[[int], None] = lambda _t_ns: None
) -> LockstepSerial | LockstepCan:
    """Return the bus's port on a virtual clock; `let_pass` is told of each instant before the motors are asked at it."""
    if isinstance(bus, CanBus):
        return LockstepCan(bus, clock_ns, let_pass)
    return LockstepSerial(bus, clock_ns, let_pass)


def _dynamixels(arm: DynamixelConfig, actuators: Actuators) -> DynamixelServoBus:
    servos = [EmulatedDynamixel(joint.servo_id, i, actuators, XL430) for i, joint in enumerate(arm.joints)]
    for servo in servos:
        servo.save(BAUD_CODE, BAUD_HZ_BY_CODE.index(arm.baud_hz))
    return DynamixelServoBus(servos, arm.baud_hz)


def _can_nodes(arm: ArmConfig, actuators: Actuators) -> list[CanNode]:
    if isinstance(arm, DamiaoConfig):
        return [
            EmulatedDamiao(
                j.model, j.motor_id, j.feedback_id, i, PositionedMotors(actuators, RANGES[j.model].torque_max_nm)
            )
            for i, j in enumerate(arm.joints)
        ]
    if isinstance(arm, RobstrideConfig):
        return [
            EmulatedRobstride(j.model, j.motor_id, i, PositionedMotors(actuators, SPANS[j.model].torque_max_nm))
            for i, j in enumerate(arm.joints)
        ]
    if isinstance(arm, OdriveConfig):
        return [
            EmulatedAxis(j.node_id, i, actuators, turns_per_rad=j.turns_per_turn / (2 * math.pi))
            for i, j in enumerate(arm.joints)
        ]
    if isinstance(arm, Cia402Config):
        return [
            EmulatedDrive(j.node_id, i, actuators, counts_per_rad=j.counts_per_turn / (2 * math.pi))
            for i, j in enumerate(arm.joints)
        ]
    raise RefusedError(f"no emulated motors for an arm of {arm.driver}")
