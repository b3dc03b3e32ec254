"""An arm of two joints that is at once where it is told, on a clock that only it and the session move."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from interfaces.arm_config import ArmConfig, JointConfig
from interfaces.device_facts import MotorIdentity
from interfaces.errors import BusTimeoutError
from interfaces.messages import JointState, JointVector

JOINT = JointConfig(
    name="shoulder",
    direction=1,
    position_min_rad=-1.5,
    position_max_rad=1.5,
    velocity_max_rad_s=2.0,
    acceleration_max_rad_s2=20.0,
    jerk_max_rad_s3=500.0,
    effort_max_ratio=1.0,
    effort_fault_ratio=0.9,
    rest_rad=0.1,
)
CONFIG = ArmConfig(
    driver="virtual",
    port="none",
    baud_hz=1_000_000,
    rate_hz=100.0,
    temperature_max_degc=60.0,
    voltage_min_v=0.0,
    limit_patience_ms=300.0,
    joints=(JOINT, replace(JOINT, name="elbow")),
)


class VirtualClock:
    """Time passes when somebody waits."""

    def __init__(self) -> None:
        self.t_ns = 1_000_000_000

    def now_ns(self) -> int:
        """Return the virtual instant."""
        return self.t_ns

    def wait_until(self, t_ns: int) -> None:
        """Let time pass until then."""
        self.t_ns = max(self.t_ns, t_ns)


class VirtualArm:
    """The Arm of drivers/arm.py without a bus."""

    def __init__(self, clock: VirtualClock, *, driving: tuple[bool, bool] = (False, False)) -> None:
        self.clock = clock
        self.position_rad = np.array([0.3, -0.2])
        self.driving = driving
        self.told: list[JointVector] = []
        self.wall_rad = np.inf  # the first joint pushes against something there
        self.lose = 0  # so many exchanges are lost
        self.is_open = False

    def open(self) -> JointState:
        """Answer."""
        self.is_open = True
        return self.read()

    def identity(self) -> tuple[MotorIdentity, ...]:
        """Return two motors."""
        return tuple(MotorIdentity(joint=j.name, motor_id=i, model="virtual") for i, j in enumerate(CONFIG.joints))

    def torque(self) -> tuple[bool, ...]:
        """Return what drives."""
        return self.driving

    def hold(self) -> JointState:
        """Drive."""
        self.driving = (True, True)
        return self.read()

    def exchange(self, position_rad: JointVector) -> JointState:
        """Be there, unless the order is lost."""
        if self.lose:
            self.lose -= 1
            raise BusTimeoutError("shoulder: no answer")
        self.told.append(position_rad.copy())
        self.position_rad = position_rad.copy()
        effort = 0.8 if position_rad[0] > self.wall_rad else 0.1
        return replace(self.read(), effort_ratio=np.array([effort, 0.0]))

    def read(self) -> JointState:
        """Return the joints."""
        none = np.zeros(2)
        return JointState(
            t_measured_ns=self.clock.t_ns,
            position_rad=self.position_rad.copy(),
            velocity_rad_s=none,
            effort_ratio=none,
            voltage_v=none + 12.0,
            temperature_degc=none + 30.0,
        )

    def release(self) -> None:
        """Let go."""
        self.driving = (False, False)

    def close(self) -> None:
        """Be closed."""
        self.is_open = False
