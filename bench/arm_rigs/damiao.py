"""Damiao motors on a virtual clock, for the conformance suite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.arm_rigs.on_can import OnCan
from drivers.can.port import CanFrame
from drivers.damiao.protocol import POSITION_STEPS, Register
from interfaces.arm_config import DamiaoConfig, DamiaoJoint
from interfaces.messages import JointVector
from interfaces.robot_config import load_robot
from sim.can.bus import CanBus
from sim.damiao.emulator import EmulatedDamiao
from sim.motors.springs import RigidMitMotors

ROBOT_FILE = Path(__file__).parents[2] / "robots" / "yam.toml"
# Not all alike: what mixes two joints up, or forgets a sign, a zero or a whole turn, must show.
DIRECTIONS = (1, -1, 1, 1, -1, 1, -1)
ZEROS_RAD = (0.0, 3.0, 0.2, 4.0, -0.1, 0.3, 0.0)
# The suite jumps from one end to the other: with the YAM's own springs the limit of torque would cut that into many steps.
STIFFNESS_NM_RAD = 0.3
ANOTHER_SERIAL = 0x1234_5678


class DamiaoRig(OnCan[DamiaoConfig]):
    """The ArmRig of Damiao motors."""

    resolution_rad = 2 * 12.5 / POSITION_STEPS
    voltage_told = False
    temperature_told = answers_each_target = True

    def __init__(self) -> None:
        config = rig_config()
        self._motors = RigidMitMotors(len(config.joints))
        self._motors.positions_rad[:] = ZEROS_RAD
        super().__init__(config, CanBus(emulated_motors(config.joints, self._motors)))

    def angles_rad(self) -> JointVector:
        """Return the angles of the joints, which differ from those of the motors by zero and direction."""
        return np.array(DIRECTIONS) * (np.array(self._motors.positions_rad) - np.array(ZEROS_RAD))

    def place(self, index: int, angle_rad: float) -> None:
        """Move a joint by hand."""
        self._motors.positions_rad[index] = ZEROS_RAD[index] + DIRECTIONS[index] * angle_rad

    def torque(self) -> list[bool]:
        """Return which motors drive."""
        return list(self._motors.driven)

    def heat(self, index: int, temperature_degc: float) -> None:
        """Warm a motor."""
        self._node(index).rotor_degc = temperature_degc

    def exchange_motor(self, index: int) -> None:
        """Put a motor with another serial number in."""
        self._node(index).put(Register.SERIAL_NUMBER, ANOTHER_SERIAL, saved=True)

    def garble(self) -> None:
        """Send frames that no motor of ours would: another's, one cut short, one that names another motor."""
        motor = self.config.joints[0]
        self.bus.faults.garbage = [
            CanFrame(0x7A, b"\x11" * 8),
            CanFrame(motor.feedback_id, b"\x11" * 5),
            CanFrame(motor.feedback_id, b"\x12" + b"\x55" * 7),
            CanFrame(motor.feedback_id, b"\x11" * 8, extended=True),
        ]

    def _node(self, index: int) -> EmulatedDamiao:
        node = self.bus.nodes[index]
        assert isinstance(node, EmulatedDamiao)
        return node


def rig_config() -> DamiaoConfig:
    """Return the YAM's arm with signs, zeros and springs for the suite."""
    arm = load_robot(ROBOT_FILE).arm
    assert isinstance(arm, DamiaoConfig)
    joints = tuple(
        replace(joint, direction=direction, zero_rad=zero, stiffness_nm_rad=STIFFNESS_NM_RAD, effort_max_ratio=1.0)
        for joint, direction, zero in zip(arm.joints, DIRECTIONS, ZEROS_RAD, strict=True)
    )
    return replace(arm, joints=joints)


def emulated_motors(joints: Sequence[DamiaoJoint], motors: RigidMitMotors) -> list[EmulatedDamiao]:
    """Return one emulated motor a joint, with the joint's ids."""
    return [EmulatedDamiao(joint.model, joint.motor_id, joint.feedback_id, i, motors) for i, joint in enumerate(joints)]
