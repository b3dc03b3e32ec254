"""An arm whose one joint follows late, and a camera that sees it late: on a clock that only they and the program move."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from rich.console import RenderableType

from drivers.camera import CameraHealth
from interfaces.arm_config import ArmConfig, JointConfig
from interfaces.camera_config import CameraConfig
from interfaces.device_facts import CameraFacts, MotorIdentity
from interfaces.messages import Frame, JointState, JointVector

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
CAMERA = CameraConfig(
    name="front",
    driver="uvc",
    serial="/dev/v4l/by-id/camera",
    width_px=160,
    height_px=120,
    rate_hz=30,
    depth=False,
    latency_ms=20.0,
    stale_ms=500.0,
    frozen_ms=0.0,
)
TICK_RAD = 2 * np.pi / 4096
EXCHANGE_NS = 800_000
PX_PER_RAD = 120.0


class VirtualClock:
    """Time passes when somebody waits, or asks the bus."""

    def __init__(self) -> None:
        self.t_ns = 1_000_000_000

    def now_ns(self) -> int:
        return self.t_ns

    def wait_until(self, t_ns: int) -> None:
        self.t_ns = max(self.t_ns, t_ns)


class DelayedArm:
    """Goes `delay_s` later than told, and then as quickly as `following_s` lets."""

    def __init__(self, clock: VirtualClock, *, delay_s: float, following_s: float = 0.02) -> None:
        self.clock, self.delay_s, self.following_s = clock, delay_s, following_s
        self.steps: list[tuple[float, float, float]] = []  # when, to where, and from where
        self.wall_rad = np.inf
        self.driving = False

    def place(self, t_s: float) -> float:
        """Return where the joint was at an instant."""
        k = len(self.steps) - 1
        while k > 0 and self.steps[k][0] > t_s:
            k -= 1
        if not self.steps:
            return 0.1
        t_step_s, goal, start = self.steps[k]
        return goal + (start - goal) * float(np.exp(-max(0.0, t_s - t_step_s) / self.following_s))

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
        goal = min(round(float(position_rad[0]) / TICK_RAD) * TICK_RAD, self.wall_rad)
        t_acts_s = self.clock.t_ns * 1e-9 + self.delay_s
        self.steps.append((t_acts_s, goal, self.place(t_acts_s)))
        self.pushing = 0.8 if position_rad[0] > self.wall_rad else 0.1
        return self.read()

    pushing = 0.0

    def read(self) -> JointState:
        place = round(self.place(self.clock.t_ns * 1e-9) / TICK_RAD) * TICK_RAD
        none = np.zeros(1)
        state = JointState(
            t_measured_ns=self.clock.t_ns,
            position_rad=none + place,
            velocity_rad_s=none,
            effort_ratio=none + self.pushing,
            voltage_v=none + 12.0,
            temperature_degc=none + 30.0,
        )
        self.clock.t_ns += EXCHANGE_NS
        return state

    def release(self) -> None:
        self.driving = False

    def close(self) -> None:
        """Nothing to close."""


class LateCamera:
    """Sees a patch that moves with the arm before a background that does not; its stamps are `late_s` behind."""

    def __init__(self, clock: VirtualClock, arm: DelayedArm, *, late_s: float, px_per_rad: float = PX_PER_RAD) -> None:
        self.clock, self.arm, self.late_s, self.px_per_rad = clock, arm, late_s, px_per_rad
        rng = np.random.default_rng(5)
        self._background = texture(rng, 120, 160)
        self._patch = texture(rng, 60, 60)
        self._rng = rng
        self._n = 0

    name = "front"

    def open(self) -> None:
        self._n = self.clock.t_ns * 30 // 10**9

    def read(self, timeout_s: float) -> Frame | None:
        del timeout_s
        n = int((self.clock.t_ns * 1e-9 - self.late_s) * 30)
        if n <= self._n:
            return None
        self._n = n
        t_s = n / 30
        t_stamp_ns = round((t_s + self.late_s) * 1e9)
        picture = moved_patch(self._background, self._patch, 50 + self.px_per_rad * self.arm.place(t_s))
        noisy = np.clip(picture + self._rng.normal(0, 1.5, picture.shape), 0, 255).astype(np.uint8)
        rgb = np.repeat(noisy[:, :, None], 3, axis=2)
        return Frame(
            camera="front", number=n, t_capture_ns=t_stamp_ns, t_arrival_ns=self.clock.t_ns, rgb=rgb, depth_mm=None
        )

    def facts(self) -> CameraFacts:
        return CameraFacts(model="virtual camera", serial="", intrinsics=None)

    def interrupt(self) -> None:
        """Nothing blocks."""

    def health(self) -> CameraHealth:
        return CameraHealth(clock="arrival", frames=self._n, lost=0, rejected=0)

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


def texture(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Return blurred noise: corners everywhere."""
    grey = cv2.GaussianBlur(rng.uniform(0, 255, (height, width)).astype(np.float32), (0, 0), 1.5)
    return np.asarray(128 + (grey - grey.mean()) * 3, np.float32)


def moved_patch(background: np.ndarray, patch: np.ndarray, column: float) -> np.ndarray:
    """Return the background with the patch before it, at a fraction of a column."""
    picture = background.copy()
    whole = int(np.floor(column))
    shift = np.array([[1, 0, column - whole], [0, 1, 0]], np.float32)
    moved = cv2.warpAffine(patch, shift, (patch.shape[1] + 1, patch.shape[0]), borderMode=cv2.BORDER_REPLICATE)
    picture[30:90, whole : whole + patch.shape[1]] = moved[:, : patch.shape[1]]
    return picture
