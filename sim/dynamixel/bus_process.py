"""Six emulated Dynamixel servos on a pty, without physics: `python -m sim.dynamixel.bus_process PORT`, told what to do over stdin.

Two XL430 and four XL330, as in the Koch v1.1, at 1 Mbit/s. The motors follow their targets at once. Commands beside those of
sim/motors/process.py: power (off and on), heat ID DEGC, supply ID V, fail ID BITS (of the hardware error status), slow ID (it knows
no fast reads), baud HZ (of all), effort ID RATIO.
"""

from __future__ import annotations

import sys
from pathlib import Path

from drivers.dynamixel.registers import BAUD_CODE, BAUD_HZ_BY_CODE, HardwareError
from sim.dynamixel.bus import DynamixelServoBus
from sim.dynamixel.emulator import EmulatedDynamixel
from sim.feetech.bus_process import RigidActuators
from sim.motors.process import BusProcess, Commands, serve_bus
from sim.serial.pty_port import PtyPort

KOCH_MODELS = (1060, 1060, 1200, 1200, 1200, 1200)
BAUD_HZ = 1_000_000


def koch_servos(actuators: RigidActuators) -> list[EmulatedDynamixel]:
    """Return the servos of a Koch v1.1 follower, ids from 1, set to 1 Mbit/s, otherwise as from the factory."""
    servos = [EmulatedDynamixel(1 + i, i, actuators, model) for i, model in enumerate(KOCH_MODELS)]
    for servo in servos:
        servo.save(BAUD_CODE, BAUD_HZ_BY_CODE.index(BAUD_HZ))
    return servos


class DynamixelBusProcess(BusProcess):
    """The six servos in a process of their own."""

    MODULE = "sim.dynamixel.bus_process"


def main(path: Path) -> None:
    """Serve until stdin ends."""
    actuators = RigidActuators(len(KOCH_MODELS))
    bus = DynamixelServoBus(koch_servos(actuators), BAUD_HZ)
    commands: Commands = {
        "power": lambda _: bus.power_cycle(),
        "heat": lambda arguments: setattr(_servo(bus, arguments[0]), "temperature_degc", float(arguments[1])),
        "supply": lambda arguments: setattr(_servo(bus, arguments[0]), "supply_v", float(arguments[1])),
        "fail": lambda arguments: _servo(bus, arguments[0]).fail(HardwareError(int(arguments[1]))),
        "slow": lambda arguments: setattr(_servo(bus, arguments[0]), "knows_fast_reads", False),
        "baud": lambda arguments: _set_baud(bus, int(arguments[0])),
        "effort": lambda arguments: actuators.effort.__setitem__(int(arguments[0]) - 1, float(arguments[1])),
    }
    serve_bus(PtyPort(bus, path), bus.faults, commands)


def _servo(bus: DynamixelServoBus, servo_id: str) -> EmulatedDynamixel:
    return next(servo for servo in bus.servos if servo.servo_id == int(servo_id))


def _set_baud(bus: DynamixelServoBus, baud_hz: int) -> None:
    for servo in bus.servos:
        servo.save(BAUD_CODE, BAUD_HZ_BY_CODE.index(baud_hz))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
