"""An arm with a joint that has friction and play, on a clock that only it and the program move."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from rich.console import RenderableType

from interfaces.arm_config import ArmConfig, JointConfig
from interfaces.device_facts import MotorIdentity
from interfaces.messages import JointState, JointVector

JOINT = JointConfig(
    name="shoulder",
    direction=1,
    position_min_rad=-1.5,
    position_max_rad=1.5,
    velocity_max_rad_s=4.0,
    acceleration_max_rad_s2=60.0,
    jerk_max_rad_s3=2000.0,
    effort_max_ratio=1.0,
    effort_fault_ratio=0.9,
    rest_rad=0.1,
)
ARM = ArmConfig(
    driver="virtual",
    port="none",
    baud_hz=1_000_000,
    rate_hz=100.0,
    temperature_max_degc=60.0,
    voltage_min_v=0.0,
    limit_patience_ms=300.0,
    joints=(JOINT,),
)
TICK_RAD = 2 * np.pi / 4096
EXCHANGE_NS = 800_000
DELAY_S, FOLLOWING_S = 0.01, 0.015
SPEED_OVER_S = 0.004
SPEED_RATIO = 0.1  # effort for each rad/s


class VirtualClock:
    """Time passes when somebody waits, or asks the bus."""

    def __init__(self) -> None:
        self.t_ns = 1_000_000_000

    def now_ns(self) -> int:
        return self.t_ns

    def wait_until(self, t_ns: int) -> None:
        self.t_ns = max(self.t_ns, t_ns)


class StickyArm:
    """Takes effort against friction, and follows its target within its play only."""

    def __init__(
        self, clock: VirtualClock, *, dry_ratio: float, play_rad: float, strong_to_rad_s: float = 100.0
    ) -> None:
        self.clock, self.dry_ratio, self.play_rad, self.strong_to_rad_s = clock, dry_ratio, play_rad, strong_to_rad_s
        self.steps: list[tuple[float, float, float]] = []  # when, to where, and from where
        self.wall_rad = np.inf
        self.driving = self._blocked = False
        self._shaft_rad = 0.1
        self._rng = np.random.default_rng(0)

    def place(self, t_s: float) -> float:
        """Return where the joint was at an instant."""
        if not self.steps:
            return 0.1
        k = len(self.steps) - 1
        while k > 0 and self.steps[k][0] > t_s:
            k -= 1
        t_step_s, goal, start = self.steps[k]
        return goal + (start - goal) * float(np.exp(-max(0.0, t_s - t_step_s) / FOLLOWING_S))

    def open(self) -> JointState:
        return self.read()

    def identity(self) -> tuple[MotorIdentity, ...]:
        return (MotorIdentity(joint="shoulder", motor_id=1, model="virtual"),)

    def torque(self) -> tuple[bool, ...]:
        return (self.driving,)

    def hold(self) -> JointState:
        self.driving = True
        return self.read()

    def exchange(self, position_rad: JointVector) -> JointState:
        target, half_rad = float(position_rad[0]), self.play_rad / 2
        self._shaft_rad = min(max(self._shaft_rad, target - half_rad), target + half_rad)
        t_acts_s = self.clock.t_ns * 1e-9 + DELAY_S
        self.steps.append((t_acts_s, min(self._shaft_rad, self.wall_rad), self.place(t_acts_s)))
        del self.steps[:-50]
        self._blocked = target > self.wall_rad
        return self.read()

    def read(self) -> JointState:
        t_s = self.clock.t_ns * 1e-9
        place = round(self.place(t_s) / TICK_RAD) * TICK_RAD
        none = np.zeros(1)
        state = JointState(
            t_measured_ns=self.clock.t_ns,
            position_rad=none + place,
            velocity_rad_s=none,
            effort_ratio=none + self._effort(t_s),
            voltage_v=none + 12.0,
            temperature_degc=none + 30.0,
        )
        self.clock.t_ns += EXCHANGE_NS
        return state

    def _effort(self, t_s: float) -> float:
        speed = (self.place(t_s) - self.place(t_s - SPEED_OVER_S)) / SPEED_OVER_S
        if self._blocked:
            return 0.9
        if abs(speed) > self.strong_to_rad_s:
            return 0.85
        dry = self.dry_ratio * float(np.sign(speed)) if abs(speed) > TICK_RAD else 0.0
        return dry + SPEED_RATIO * speed + float(self._rng.normal(0, 0.01))

    def release(self) -> None:
        self.driving = False

    def close(self) -> None:
        """Nothing to close."""


class WillingOperator:
    """Agrees to everything but the steps in `refused`, and remembers what was said."""

    name = "ada"

    def __init__(self, *refused: str) -> None:
        self.refused = refused
        self.heard: list[str] = []

    def say(self, text: RenderableType) -> None:
        self.heard.append(str(text))

    def confirm(self, step: str, question: str, *, default: bool) -> bool:
        self.heard.append(question)
        return default and step not in self.refused

    def meanwhile(self, do: Callable[[], None] | None) -> None:
        del do

    def progress(self, what: str, share: float) -> None:
        del what, share
