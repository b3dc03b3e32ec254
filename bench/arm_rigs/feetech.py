"""Feetech servos on a virtual clock, for the conformance suite."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.arm_rigs.cable import Cable, OnACable
from drivers.feetech import registers
from drivers.feetech.arm import FeetechArm
from drivers.feetech.registers import RAD_PER_TICK
from interfaces.messages import JointVector
from interfaces.robot_config import load_robot
from sim.feetech.arm import feetech_arm
from sim.feetech.bus import ServoBus
from sim.feetech.bus_process import RigidActuators
from sim.feetech.emulator import EmulatedServo
from sim.serial.lockstep import LockstepSerial

ROBOT_FILE = Path(__file__).parents[2] / "robots" / "simulated.toml"
# Not all alike: what mixes two joints up, or forgets a sign or an offset, must show.
DIRECTIONS = (1, -1, 1, 1, -1, 1)
HOMES_TICKS = (2048, 2000, 2100, 2048, 1990, 2060)
ANOTHER_OFFSET = -12


class FeetechRig(OnACable):
    """The ArmRig of Feetech servos."""

    resolution_rad = RAD_PER_TICK
    voltage_told = temperature_told = answers_each_target = True

    def __init__(self) -> None:
        arm = feetech_arm(load_robot(ROBOT_FILE).arm)
        joints = tuple(
            replace(joint, direction=direction, home_ticks=home)
            for joint, direction, home in zip(arm.joints, DIRECTIONS, HOMES_TICKS, strict=True)
        )
        self.config = replace(arm, joints=joints)
        self._motors = RigidActuators(len(joints))
        self._bus = ServoBus([EmulatedServo(joint.servo_id, i, self._motors) for i, joint in enumerate(joints)])
        self._t_ns = 10**9
        self._port = LockstepSerial(self._bus, lambda: self._t_ns)
        self._cable = Cable()
        self.arm = self.arm_with()

    def arm_with(self, **changes: Any) -> FeetechArm:
        """Return a driver for the same servos."""
        return FeetechArm(replace(self.config, **changes), self._cable.serial(self._port.open_port))

    def now_ns(self) -> int:
        """Return the virtual instant."""
        return self._port.now_ns()

    def wait(self, duration_ns: int) -> None:
        """Let virtual time pass."""
        self._t_ns = self._port.now_ns() + duration_ns
        self._bus.advance(self._t_ns)

    def angles_rad(self) -> JointVector:
        """Return the angles of motors and joints, which differ by home and direction."""
        ticks = 2048 + np.array(self._motors.positions_rad) / RAD_PER_TICK
        return np.array(DIRECTIONS) * (ticks - np.array(HOMES_TICKS)) * RAD_PER_TICK

    def place(self, index: int, angle_rad: float) -> None:
        """Move a joint by hand."""
        ticks = HOMES_TICKS[index] + DIRECTIONS[index] * angle_rad / RAD_PER_TICK
        self._motors.positions_rad[index] = (ticks - 2048) * RAD_PER_TICK

    def torque(self) -> list[bool]:
        """Return which servos drive."""
        return list(self._motors.torque)

    def heat(self, index: int, temperature_degc: float) -> None:
        """Warm a servo."""
        self._bus.servos[index].temperature_degc = temperature_degc

    def power_cycle(self) -> None:
        """Switch the servos off and on."""
        self._bus.power_cycle()

    def brown_out(self, index: int) -> None:
        """Switch one servo off and on."""
        self._bus.servos[index].power_on()

    def exchange_motor(self, index: int) -> None:
        """Put another servo in: these have no numbers of their own, so what tells it is the homing offset it keeps."""
        self._bus.servos[index].save(registers.HOMING_OFFSET.address, registers.HOMING_OFFSET.encode(ANOTHER_OFFSET))

    def silence(self, index: int) -> None:
        """Cut a servo off."""
        self._bus.faults.silent_ids.add(self.config.joints[index].servo_id)

    def speak(self, index: int) -> None:
        """Put it back."""
        self._bus.faults.silent_ids.discard(self.config.joints[index].servo_id)

    def drop(self, n_answers: int) -> None:
        """Lose the next answers."""
        self._bus.faults.n_drop = n_answers

    def garble(self) -> None:
        """Send bytes that begin like a packet."""
        self._bus.faults.garbage = bytes.fromhex("00ff13fffffd0a00")

    def delay(self, delay_ns: int) -> None:
        """Let answers come late."""
        self._bus.faults.delay_ns = delay_ns
