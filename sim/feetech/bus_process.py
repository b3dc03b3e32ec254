"""Six emulated servos on a pty, without physics: `python -m sim.feetech.bus_process PORT`, told what to do over stdin.

The motors follow their targets at once. Commands beside those of sim/motors/process.py: power (off and on), heat ID DEGC, supply V
(of all), set ID ADDRESS VALUE (one byte, as if saved in the EEPROM), save FILE (all goals written so far, sim/feetech/goal_tape.py).
"""

from __future__ import annotations

import sys
from pathlib import Path

from sim.feetech.bus import ServoBus
from sim.feetech.emulator import EmulatedServo
from sim.feetech.goal_tape import GoalTape
from sim.motors.process import BusProcess, Commands, serve_bus
from sim.serial.pty_port import PtyPort

N_SERVOS = 6


class RigidActuators:
    """Motors without a load that are where they are told to be; the Actuators of sim/motors/motion.py."""

    def __init__(self, n_motors: int) -> None:
        self.positions_rad = [0.0] * n_motors
        self.torque = [False] * n_motors
        self.effort_limit_ratio = [1.0] * n_motors
        self.effort = [0.0] * n_motors

    def position_rad(self, index: int) -> float:
        """Return where the motor was told to be."""
        return self.positions_rad[index]

    def velocity_rad_s(self, index: int) -> float:
        """Return 0: it jumps."""
        del index
        return 0.0

    def effort_ratio(self, index: int) -> float:
        """Return the effort that was put in from outside."""
        return self.effort[index]

    def set_target_rad(self, index: int, target_rad: float) -> None:
        """Jump."""
        self.positions_rad[index] = target_rad

    def set_torque(self, index: int, *, enabled: bool) -> None:
        """Remember it."""
        self.torque[index] = enabled

    def set_effort_limit(self, index: int, ratio: float) -> None:
        """Remember it."""
        self.effort_limit_ratio[index] = ratio


def rigid_servo_bus(n_servos: int = N_SERVOS) -> ServoBus:
    """Return a bus of servos fresh from the factory, ids from 1, on motors without physics."""
    actuators = RigidActuators(n_servos)
    return ServoBus([EmulatedServo(1 + i, i, actuators) for i in range(n_servos)])


class ServoBusProcess(BusProcess):
    """The six servos in a process of their own."""

    MODULE = "sim.feetech.bus_process"


def main(path: Path) -> None:
    """Serve until stdin ends."""
    bus = rigid_servo_bus()
    bus.tape = tape = GoalTape(N_SERVOS)
    commands: Commands = {
        "power": lambda _: bus.power_cycle(),
        "heat": lambda arguments: setattr(_servo(bus, arguments[0]), "temperature_degc", float(arguments[1])),
        "supply": lambda arguments: _supply(bus, float(arguments[0])),
        "set": lambda arguments: _servo(bus, arguments[0]).save(int(arguments[1]), bytes((int(arguments[2]),))),
        "save": lambda arguments: tape.save(Path(arguments[0])),
    }
    serve_bus(PtyPort(bus, path), bus.faults, commands)


def _servo(bus: ServoBus, servo_id: str) -> EmulatedServo:
    return next(servo for servo in bus.servos if servo.servo_id == int(servo_id))


def _supply(bus: ServoBus, supply_v: float) -> None:
    for servo in bus.servos:
        servo.supply_v = supply_v


if __name__ == "__main__":
    main(Path(sys.argv[1]))
