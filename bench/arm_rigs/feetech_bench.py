"""Six Feetech servos in lockstep, as the robot file has them, with everything within reach: for the driver's own tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from drivers.feetech.arm import FeetechArm
from interfaces.arm_config import FeetechConfig
from interfaces.messages import JointState, JointVector
from interfaces.robot_config import load_robot
from sim.feetech.arm import feetech_arm
from sim.feetech.bus import ServoBus
from sim.feetech.bus_process import RigidActuators
from sim.feetech.emulator import EmulatedServo
from sim.serial.lockstep import LockstepSerial

ROBOT_FILE = Path(__file__).parents[2] / "robots" / "simulated.toml"
CONFIG = feetech_arm(load_robot(ROBOT_FILE).arm)
PERIOD_NS = CONFIG.period_ns
POSE_RAD = np.array([0.1, -0.2, 0.3, -0.4, 0.5, 0.6])


class Bench:
    """An arm joined to six servos on a virtual clock."""

    def __init__(self, config: FeetechConfig = CONFIG) -> None:
        self.motors = RigidActuators(6)
        self.bus = ServoBus([EmulatedServo(1 + i, i, self.motors) for i in range(6)])
        self.t_now_ns = 10**9
        self.port = LockstepSerial(self.bus, lambda: self.t_now_ns)
        self.arm = FeetechArm(config, self.port.open_port)

    def exchange(self, position_rad: JointVector) -> JointState:
        """Exchange, a period later."""
        self.t_now_ns = self.port.now_ns() + PERIOD_NS
        return self.arm.exchange(position_rad)

    def set_joint(self, index: int, **changes: object) -> None:
        """Begin again with a driver that is told otherwise of one joint."""
        joints = list(CONFIG.joints)
        joints[index] = replace(joints[index], **changes)
        self.arm = FeetechArm(replace(CONFIG, joints=tuple(joints)), self.port.open_port)
