"""Dynamixel servos on a virtual clock, for the conformance suite."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.arm_rigs.cable import Cable, OnACable
from drivers.dynamixel import registers
from drivers.dynamixel.arm import DynamixelArm
from drivers.dynamixel.registers import RAD_PER_TICK
from interfaces.arm_config import DynamixelConfig
from interfaces.errors import RefusedError
from interfaces.messages import JointVector
from interfaces.robot_config import load_robot
from sim.dynamixel.bus import DynamixelServoBus
from sim.dynamixel.bus_process import koch_servos
from sim.feetech.bus_process import RigidActuators
from sim.serial.lockstep import LockstepSerial

ROBOT_FILE = Path(__file__).parents[2] / "robots" / "koch.toml"
# Not all alike: what mixes two joints up, or forgets a sign or an offset, must show.
DIRECTIONS = (1, -1, 1, 1, -1, 1)
HOMES_TICKS = (2048, 2000, 2100, 2048, 1990, 2060)
ANOTHER_OFFSET = -12


class DynamixelRig(OnACable):
    """The ArmRig of Dynamixel servos."""

    resolution_rad = RAD_PER_TICK
    voltage_told = temperature_told = answers_each_target = True
    _t_ns: int = 10**9

    def __init__(self, config: DynamixelConfig | None = None) -> None:
        self.config = config or twisted_koch_arm()
        self.motors = RigidActuators(len(self.config.joints))
        self.bus = DynamixelServoBus(koch_servos(self.motors))
        self.port = LockstepSerial(self.bus, lambda: self._t_ns)
        self._cable = Cable()
        self.arm = self.arm_with()

    def arm_with(self, **changes: Any) -> DynamixelArm:
        """Return a driver for the same servos."""
        return DynamixelArm(replace(self.config, **changes), self._cable.serial(self.port.open_port))

    def now_ns(self) -> int:
        """Return the virtual instant."""
        return self.port.now_ns()

    def wait(self, duration_ns: int) -> None:
        """Let virtual time pass."""
        self._t_ns = self.port.now_ns() + duration_ns
        self.bus.advance(self._t_ns)

    def angles_rad(self) -> JointVector:
        """Return the angles of motors and joints, which differ by home and direction."""
        ticks = 2048 + np.array(self.motors.positions_rad) / RAD_PER_TICK
        return self.config.vector("direction") * (ticks - self.config.vector("home_ticks")) * RAD_PER_TICK

    def place(self, index: int, angle_rad: float) -> None:
        """Move a joint by hand."""
        joint = self.config.joints[index]
        self.motors.positions_rad[index] = joint.direction * angle_rad + (joint.home_ticks - 2048) * RAD_PER_TICK

    def torque(self) -> list[bool]:
        """Return which servos drive."""
        return list(self.motors.torque)

    def heat(self, index: int, temperature_degc: float) -> None:
        """Warm a servo."""
        self.bus.servos[index].temperature_degc = temperature_degc

    def power_cycle(self) -> None:
        """Switch the servos off and on."""
        self.bus.power_cycle()

    def brown_out(self, index: int) -> None:
        """Switch one servo off and on."""
        self.bus.servos[index].power_on()

    def exchange_motor(self, index: int) -> None:
        """Put another servo in: these have no numbers of their own, so what tells it is the homing offset it keeps."""
        self.bus.servos[index].save(registers.HOMING_OFFSET, ANOTHER_OFFSET)

    def silence(self, index: int) -> None:
        """Cut a servo off."""
        self.bus.faults.silent_ids.add(self.config.joints[index].servo_id)

    def speak(self, index: int) -> None:
        """Put it back."""
        self.bus.faults.silent_ids.discard(self.config.joints[index].servo_id)

    def drop(self, n_answers: int) -> None:
        """Lose the next answers."""
        self.bus.faults.n_drop = n_answers

    def garble(self) -> None:
        """Send bytes that begin like a packet."""
        self.bus.faults.garbage = bytes.fromhex("00fffffdfffffd00fe970055")

    def delay(self, delay_ns: int) -> None:
        """Let answers come late."""
        self.bus.faults.delay_ns = delay_ns


def koch_arm() -> DynamixelConfig:
    """Return the arm of the Koch that is shipped."""
    arm = load_robot(ROBOT_FILE).arm
    if not isinstance(arm, DynamixelConfig):
        raise RefusedError(f"{ROBOT_FILE.name} is an arm of {arm.driver}; expected dynamixel")
    return arm


def twisted_koch_arm() -> DynamixelConfig:
    """Return the same arm with joints that differ in home and direction."""
    arm = koch_arm()
    joints = tuple(
        replace(joint, direction=direction, home_ticks=home)
        for joint, direction, home in zip(arm.joints, DIRECTIONS, HOMES_TICKS, strict=True)
    )
    return replace(arm, joints=joints)
