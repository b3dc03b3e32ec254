"""A limp arm without weight in a person's hand, and that person: for trials of `forerun calibrate joints` by the hundred.

The servos are emulated and speak bytes, the driver is the real one; only the physics is left out. Stops are hard but for a
little give, encoders have noise, the hand trembles, and every motor is mounted anyhow.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, RenderableType

from calibration.session.workplace import Workplace
from drivers.camera import Camera
from drivers.open_devices import open_arm
from drivers.open_homing import open_homing
from interfaces.arm_config import JointConfig
from interfaces.camera_config import CameraConfig
from interfaces.errors import RefusedError
from interfaces.robot_config import RobotConfig
from sim.can.lockstep import LockstepCan
from sim.motors.simulated_bus import lockstep_port, simulated_bus
from sim.serial.lockstep import LockstepSerial

T_BEGIN_NS = 1_000_000_000
TICK_NS = 50_000_000
CAN_STEP_NS = 5_000_000  # motors on CAN live no longer than this without the clock's news
HAND_RAD_S = 2.5
DWELL_TICKS = 6
TREMBLE_HZ = 9.0
ALL_AROUND_RAD = 4.5

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounting:
    """How an arm is really built."""

    motor_at_zero_rad: Array  # (joint,) what each motor's shaft is at when its joint is at 0
    direction: Array  # (joint,) 1 or -1: which way the motor turns against the joint
    encoder_noise_rad: float = 0.0  # sigma, in each reading
    tremble_rad: float = 0.0  # of the hand, either way
    give_rad: float = 0.0  # sigma, of a stop at each visit


class HeldJoints:
    """The Actuators of sim/motors/motion.py: joints between stops, moved by a hand, or, with torque on, by their targets at once."""

    def __init__(self, joints: tuple[JointConfig, ...], mounting: Mounting, rng: np.random.Generator) -> None:
        stops = [_stops_rad(joint) for joint in joints]
        self.low_rad: Array = np.array([low for low, _ in stops])
        self.high_rad: Array = np.array([high for _, high in stops])
        self.position_now_rad: Array = rng.uniform(self.low_rad + 0.3, self.high_rad - 0.3)
        self.goal_rad: Array = self.position_now_rad.copy()
        self.torque = np.zeros(len(joints), np.bool_)
        self.stuck = np.zeros(len(joints), np.bool_)  # motors that do not move what they should
        self.mounting, self._rng = mounting, rng
        self._give_rad: Array = np.zeros(len(joints))
        self._phase = rng.uniform(0.0, 2 * math.pi, len(joints))
        self._tremble_rad: Array = np.zeros(len(joints))

    def live(self, t_ns: int, elapsed_ns: int) -> None:
        """Let the hand move what is limp, until `t_ns`."""
        way_rad = HAND_RAD_S * elapsed_ns * 1e-9
        self._tremble_rad = self.mounting.tremble_rad * np.sin(2 * math.pi * TREMBLE_HZ * t_ns * 1e-9 + self._phase)
        reached_rad = self.position_now_rad + np.clip(self.goal_rad - self.position_now_rad, -way_rad, way_rad)
        inside_rad = np.clip(reached_rad, self.low_rad - self._give_rad, self.high_rad + self._give_rad)
        self.position_now_rad = np.where(self.torque, self.position_now_rad, inside_rad)

    def lead(self, goal_rad: Array) -> None:
        """Lead the joints (joint,) to other places; each stop gives as it does this time."""
        self.goal_rad = goal_rad.copy()
        self._give_rad = self._rng.normal(0.0, self.mounting.give_rad, len(goal_rad))

    @property
    def shown_rad(self) -> Array:
        """Return where the joints are this instant, the hand's trembling included; what presses against a stop is still."""
        at_stop = (self.goal_rad > self.high_rad) | (self.goal_rad < self.low_rad)
        return self.position_now_rad + np.where(self.torque | at_stop, 0.0, self._tremble_rad)

    def position_rad(self, index: int) -> float:
        """Return what a motor's encoder sees."""
        mounting = self.mounting
        noise_rad = self._rng.normal(0.0, mounting.encoder_noise_rad) if mounting.encoder_noise_rad else 0.0
        turned_rad = mounting.direction[index] * self.shown_rad[index]
        return float(mounting.motor_at_zero_rad[index] + turned_rad + noise_rad)

    def velocity_rad_s(self, index: int) -> float:
        """Return 0: nobody asks how fast."""
        del index
        return 0.0

    def effort_ratio(self, index: int) -> float:
        """Return 0: it weighs nothing."""
        del index
        return 0.0

    def set_target_rad(self, index: int, target_rad: float) -> None:
        """Be there, where torque is on."""
        if self.torque[index] and not self.stuck[index]:
            turned_rad = target_rad - self.mounting.motor_at_zero_rad[index]
            # A motor's angle is the same a turn on; the joint's is what lies between its stops.
            middle_rad = (self.low_rad[index] + self.high_rad[index]) / 2
            angle_rad = self.mounting.direction[index] * turned_rad
            angle_rad -= 2 * math.pi * round((angle_rad - middle_rad) / (2 * math.pi))
            self.position_now_rad[index] = np.clip(angle_rad, self.low_rad[index], self.high_rad[index])

    def set_torque(self, index: int, *, enabled: bool) -> None:
        """Drive, or hang limp."""
        self.torque[index] = enabled

    def set_effort_limit(self, index: int, ratio: float) -> None:
        """Do nothing: it weighs nothing."""


class ArmInHand:
    """A workplace of its own: clock, operator, and the arm."""

    def __init__(self, robot: RobotConfig, mounting: Mounting, folder: Path, seed: int) -> None:
        """Put the arm together."""
        self._rng = np.random.default_rng((seed, 41))
        self.joints = HeldJoints(robot.arm.joints, mounting, self._rng)
        self.bus = simulated_bus(robot.arm, self.joints)
        self.t_ns = T_BEGIN_NS
        self._port = lockstep_port(self.bus, lambda: self.t_ns, self._let_pass)
        self.operator = HandOperator(self, self._rng)
        port = self._port
        self.workplace = Workplace(
            robot=robot,
            records=folder / "records",
            pictures=folder / "pictures",
            operator=self.operator,
            clock=self,
            make_arm=lambda arm: open_arm(arm, port.open_port),
            make_camera=_no_camera,
            make_homing=lambda: open_homing(robot.arm, port.open_port) if isinstance(port, LockstepSerial) else None,
        )

    def now_ns(self) -> int:
        """Return the virtual instant."""
        self._let_pass(self._port.now_ns())
        return self.t_ns

    def wait_until(self, t_ns: int) -> None:
        """Let the hand move until then."""
        if not isinstance(self._port, LockstepCan):
            self._let_pass(t_ns)
            return
        t_now_ns = self.now_ns()
        while t_now_ns < t_ns:
            t_now_ns = min(t_ns, t_now_ns + CAN_STEP_NS)
            self._let_pass(t_now_ns)
            self._port.catch_up()

    def _let_pass(self, t_ns: int) -> None:
        if t_ns > self.t_ns:
            self.joints.live(t_ns, t_ns - self.t_ns)
            self.t_ns = t_ns


class HandOperator:
    """Does what is asked, joint by joint or all at once."""

    name = "hand"

    def __init__(self, place: ArmInHand, rng: np.random.Generator) -> None:
        self._place, self._joints, self._rng = place, place.joints, rng
        self._console = Console(width=120, record=True, file=io.StringIO())
        self.pose_rad: Array = np.zeros(len(self._joints.goal_rad))
        self.requests: list[str] = []  # the steps asked for
        self.at_request: Callable[[int], None] = lambda _number: None  # is told of each, and may raise
        self.at_progress: Callable[[str], None] = lambda _what: None
        self.answers: dict[str, bool] = {}  # by step, where it is not the default

    @property
    def said(self) -> str:
        """Return everything that was said and shown, as text."""
        return self._console.export_text(clear=False)

    def say(self, text: RenderableType) -> None:
        """Hear it."""
        self._console.print(text)

    def confirm(self, step: str, question: str, *, default: bool) -> bool:
        """Return the answer; before the arm moves by itself, put it off its stops."""
        self._hear(step, question)
        if step == "arm-moves":
            low, high = self._joints.low_rad, self._joints.high_rad
            self._do(self._lead(low + (high - low) * self._rng.uniform(0.2, 0.8, len(low))))
        return self.answers.get(step, default)

    def wait(self, step: str, instruction: str) -> None:
        """Do it."""
        self._hear(step, instruction)
        if step == "hold-pose":
            self._do(self._lead(self.pose_rad))

    def watch(self, step: str, instruction: str, look: Callable[[], RenderableType], done: Callable[[], bool]) -> None:
        """Do it to its end, the table being looked at all the time."""
        self._hear(step, instruction)
        shown = look()
        for _ in self._sweep() if step == "sweep" else self._turn(step):
            self._tick()
            shown = look()
        self._console.print(shown)
        assert done() or step != "sweep"

    def meanwhile(self, do: Callable[[], None] | None) -> None:
        """Nothing is to be waited for here."""

    def progress(self, what: str, share: float) -> None:
        """See it."""
        del share
        self.at_progress(what)

    def _hear(self, step: str, text: str) -> None:
        self._console.print(text, markup=False)
        self.requests.append(step)
        self.at_request(len(self.requests) - 1)

    def _do(self, script: Iterator[None]) -> None:
        for _ in script:
            self._tick()

    def _tick(self) -> None:
        self._place.wait_until(self._place.now_ns() + TICK_NS)

    def _sweep(self) -> Iterator[None]:
        """All joints at once, twice to each stop."""
        low, high = self._joints.low_rad, self._joints.high_rad
        for _ in range(2):
            for goal in (low - 0.1, high + 0.1):
                yield from self._lead(goal)
                yield from (None for _ in range(DWELL_TICKS))
        yield from self._lead(low + (high - low) * self._rng.uniform(0.2, 0.8, len(low)))

    def _turn(self, step: str) -> Iterator[None]:
        names = [joint.name for joint in self._place.workplace.robot.arm.joints]
        index = names.index(step.removeprefix("direction-"))
        goal = self._joints.goal_rad.copy()
        share = 0.85 if goal[index] < np.mean((self._joints.low_rad[index], self._joints.high_rad[index])) else 0.95
        goal[index] = self._joints.low_rad[index] + share * (self._joints.high_rad[index] - self._joints.low_rad[index])
        yield from self._lead(goal)

    def _lead(self, goal_rad: Array) -> Iterator[None]:
        self._joints.lead(goal_rad)
        last: Array = np.full(goal_rad.shape, np.inf)
        while np.abs(self._joints.position_now_rad - last).max() > 1e-9:
            last = self._joints.position_now_rad.copy()
            yield
        yield from (None for _ in range(4))


def _stops_rad(joint: JointConfig) -> tuple[float, float]:
    if joint.stops_rad == ():
        return -ALL_AROUND_RAD, ALL_AROUND_RAD
    low, high = joint.stops_rad or (joint.position_min_rad, joint.position_max_rad)
    return low, high


def true_homes(mounting: Mounting, ticks_per_turn: int) -> Array:
    """Return the bare encoders' counts (joint,) at 0 rad: an emulated servo's is at half a turn when its shaft is at 0."""
    return (ticks_per_turn / 2 + mounting.motor_at_zero_rad / (2 * math.pi) * ticks_per_turn) % ticks_per_turn


def built(robot: RobotConfig, mounting: Mounting) -> RobotConfig:
    """Return the robot file that knows which way this arm's motors turn."""
    joints = tuple(
        replace(cast("Any", joint), direction=int(direction))
        for joint, direction in zip(robot.arm.joints, mounting.direction, strict=True)
    )
    return replace(robot, arm=replace(cast("Any", robot.arm), joints=joints))


def _no_camera(config: CameraConfig) -> Camera:
    raise RefusedError(f"there is no camera {config.name} here")
