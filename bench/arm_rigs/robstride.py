"""RobStride motors on a virtual clock, for the conformance suite."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.arm_rigs.on_can import OnCan
from drivers.can.port import CanFrame
from drivers.robstride.arm import ASKING_IDS, HOST_ID
from drivers.robstride.protocol import IDENTITY_HOST, STEPS, Kind, make_frame
from interfaces.arm_config import RobstrideConfig
from interfaces.messages import JointVector
from interfaces.robot_config import load_robot
from sim.can.bus import CanBus
from sim.motors.springs import RigidMitMotors
from sim.robstride.emulator import EmulatedRobstride

ROBOT_FILE = Path(__file__).parents[2] / "robots" / "robstride.toml"
ANOTHER_SERIAL = 0x0123_4567_89AB_CDEF


class RobstrideRig(OnCan[RobstrideConfig]):
    """The ArmRig of RobStride motors, as its robot file says."""

    resolution_rad = 8 * np.pi / STEPS
    voltage_told = temperature_told = answers_each_target = True

    def __init__(self) -> None:
        arm = load_robot(ROBOT_FILE).arm
        assert isinstance(arm, RobstrideConfig)
        self.motors = RigidMitMotors(len(arm.joints))
        self.nodes = [
            EmulatedRobstride(joint.model, joint.motor_id, i, self.motors) for i, joint in enumerate(arm.joints)
        ]
        super().__init__(arm, CanBus(self.nodes))

    def angles_rad(self) -> JointVector:
        """Return the angles of the joints, which differ from the motors' by zero and direction."""
        return self.config.vector("direction") * (np.array(self.motors.positions_rad) - self.config.vector("zero_rad"))

    def place(self, index: int, angle_rad: float) -> None:
        """Move a joint by hand."""
        joint = self.config.joints[index]
        self.motors.positions_rad[index] = joint.zero_rad + joint.direction * angle_rad

    def torque(self) -> list[bool]:
        """Return which motors drive."""
        return list(self.motors.driven)

    def heat(self, index: int, temperature_degc: float) -> None:
        """Warm a motor."""
        self.nodes[index].temperature_degc = temperature_degc

    def exchange_motor(self, index: int) -> None:
        """Put a motor with another processor in."""
        self.nodes[index].serial = ANOTHER_SERIAL

    def garble(self) -> None:
        """Send what others might: a stranger, one cut short, one with a short identifier, an answer that nobody asked for."""
        motor_id = self.config.joints[1].motor_id
        self.bus.faults.garbage = [
            make_frame(Kind.FEEDBACK, 2 << 14 | 0x7F, HOST_ID),
            make_frame(Kind.FEEDBACK, 2 << 14 | motor_id, HOST_ID, bytes(5)),
            make_frame(Kind.IDENTITY, motor_id, IDENTITY_HOST, b"\xff" * 8),
            CanFrame(motor_id, b"\xff" * 8),
            *(make_frame(Kind.READ, motor_id, host_id, b"\xff" * 8) for host_id in ASKING_IDS[::16]),
        ]
