"""The arm in the hands of a calibration program: moved only within the gate's limits, stopped at a touch, left as it was found.

The same gate as in the command process stands before the motors; here it is beaten by the program itself, one period a call,
for a calibration needs no more than one thing at a time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar

import numpy as np

from calibration.session.clock import Clock
from calibration.session.computing import beside
from calibration.session.leaving import lay_to_rest
from calibration.session.path import motions_along, smooth
from calibration.session.person import Operator
from calibration.session.touch import TouchError
from drivers.arm import Arm
from interfaces.arm_config import ArmConfig
from interfaces.device_facts import MotorIdentity
from interfaces.errors import BusTimeoutError, DeviceError, ForerunError, RefusedError
from interfaces.messages import JointState, JointVector
from runtime.command.gate import Gate
from runtime.command.limit_watch import LimitWatch
from runtime.command.motion import Motion

SPEED_RATIO = 0.25  # of the robot file's velocity: a person stands beside the arm
EFFORT_MAX_RATIO = 0.6  # pushing harder than this for TOUCH_NS is a touch, and ends a motion
TOUCH_NS = 150_000_000
SETTLED_NS = 400_000_000  # how long an arm that was told to stand goes on swinging
LOST_CYCLES_MAX = 10  # as the robots' own files say it of the runtime (bus_error_budget)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """One period: what the motors were told, when, and what they measured in the same exchange."""

    t_command_ns: int
    target_rad: JointVector
    joints: JointState


class ArmSession:
    """One arm for the length of one program; a context manager that opens it and, at the end, leaves torque as it was."""

    def __init__(
        self,
        arm: Arm,
        config: ArmConfig,
        clock: Clock,
        operator: Operator | None = None,
        torque_before: tuple[bool, ...] | None = None,
        *,
        stands: bool = False,
    ) -> None:
        """`operator` is whom the program waits for with the arm in its hands, and whom it asks.

        `torque_before` is how to leave torque, where that is not as it is found now. An arm that `stands` by itself is let go
        where it is: it is not driven to its rest pose first, by zeros that nobody has proved yet.
        """
        self.config = config
        self._arm, self._clock, self._operator = arm, clock, operator
        self._gate = Gate(config)
        self._limits = LimitWatch(config)
        self._torque_before = torque_before or ()
        self._stands = stands
        self.lost_cycles_max = LOST_CYCLES_MAX  # in a row are forgiven
        self._t_beat_ns = 0
        self._leaving = False
        self.holding = False
        self.may_rest: Callable[[], bool] | None = (
            None  # whether the straight way to rest is clear, where anybody knows
        )

    def __enter__(self) -> ArmSession:
        """Open the bus and find every motor; nothing moves, and torque stays as it is."""
        self._arm.open()
        try:
            self._torque_before = self._torque_before or self._arm.torque()
        except BaseException:
            self._arm.close()
            raise
        if self._operator is not None:
            self._operator.meanwhile(self._keep)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Leave torque as it was found, see `restore`; an error that ended the program is not hidden by one in doing so."""
        try:
            self.restore()
        except ForerunError as why:
            if error is None:
                raise
            self._tell(f"[red]The motors could not be left as they were found, support the arm:[/] {why}")
        finally:
            if self._operator is not None:
                self._operator.meanwhile(None)
            with contextlib.suppress(DeviceError):  # closing what is gone
                self._arm.close()

    @property
    def identity(self) -> tuple[MotorIdentity, ...]:
        """Return which motors these are."""
        return self._arm.identity()

    @property
    def torque_before(self) -> tuple[bool, ...]:
        """Return which motors drove when the program began."""
        return self._torque_before

    def read(self) -> JointState:
        """Wait for the next period and return the measured joints; what is held stays held."""
        return self.beat(None).joints if self.holding else self._measured()

    def release(self) -> None:
        """Let the arm go: support it first."""
        self.holding = False  # also where a motor does not answer: nothing is to be told to it any more
        self._arm.release()

    def hold(self) -> JointState:
        """Hold the measured pose; an arm that hung limp and does not come to be held wholly hangs limp again."""
        try:
            joints = self._arm.hold()
            self._gate.begin(joints.position_rad)
            self._t_beat_ns = self._clock.now_ns()
            self._limits.restart(self._t_beat_ns)
            self.holding = True
        except BaseException:
            if not self.holding and not any(self._torque_before):
                with contextlib.suppress(DeviceError):
                    self._arm.release()
            raise
        return joints

    def while_computing(self, compute: Callable[[], T]) -> T:
        """Return what `compute` returns; an arm that is held is told so meanwhile: motors with a time-out let go otherwise."""
        return beside(compute, self._keep_in_time) if self.holding else compute()

    def beat(self, target_rad: JointVector | None, ahead: Sequence[Motion] | None = None) -> Beat:
        """Wait for the next period, go towards the target (joint,) as far as the gate lets, and return what was measured.

        `ahead` is the target's motion at each instant of the gate's look-ahead; without it the target is a place to stand at.
        None brakes and holds. A single lost packet is forgiven; raises DeviceError for a limit of the robot file exceeded.
        """
        if not self.holding:
            raise RefusedError("the arm is to be moved, and nobody holds it")
        self._wait_for_beat()
        step = self._gate.hold() if target_rad is None else self._gate.follow(target_rad, ahead)
        t_command_ns = self._clock.now_ns()
        joints = self._patiently(lambda: self._arm.exchange(step.position_rad))
        exceeded = self._limits.exceeded(joints, t_command_ns)
        if exceeded and not self._leaving:  # rest is what cools a motor
            raise DeviceError(exceeded)
        return Beat(t_command_ns=t_command_ns, target_rad=step.position_rad, joints=joints)

    def look(self, t_ns: int) -> JointState | None:
        """Measure once more at `t_ns`, between two periods, telling the motors nothing; None where no answer came."""
        self._clock.wait_until(t_ns)
        with contextlib.suppress(BusTimeoutError):
            return self._arm.read()
        return None

    def move(
        self,
        pose_rad: JointVector,
        *,
        speed_ratio: float = SPEED_RATIO,
        each_beat: Callable[[Beat], None] | None = None,
        effort_max_ratio: float = EFFORT_MAX_RATIO,
    ) -> JointState:
        """Go to a pose in a straight line of joints, smoothly, stand until the arm swings no more, and return the joints.

        Raises TouchError, holding, when a joint pushes harder than `effort_max_ratio` for a while on the way.
        """
        start_rad = self._gate.position_rad.copy()
        way_rad = pose_rad - start_rad
        slowest = np.abs(way_rad) / (speed_ratio * self.config.vector("velocity_max_rad_s"))
        # A smooth step is 1.5 times as fast in its middle as on average.
        n_beats = max(2, int(np.ceil(1.5 * float(slowest.max()) * self.config.rate_hz)))
        path = [start_rad + way_rad * smooth((k + 1) / n_beats) for k in range(n_beats)]
        path += [pose_rad] * -(-SETTLED_NS // self.config.period_ns)  # the gate may arrive later than it was asked to
        return self.follow(path, each_beat=each_beat, effort_max_ratio=effort_max_ratio)[-1].joints

    def follow(
        self,
        path_rad: list[JointVector],
        *,
        each_beat: Callable[[Beat], None] | None = None,
        effort_max_ratio: float = EFFORT_MAX_RATIO,
    ) -> list[Beat]:
        """Go along a path of targets, one a period, and return every beat; raises TouchError as `move`."""
        beats: list[Beat] = []
        t_free_ns = self._clock.now_ns()
        motions = motions_along(path_rad, self.config.period_ns * 1e-9)
        ahead_periods = [ns // self.config.period_ns for ns in self._gate.look_ahead_ns]
        for k, target_rad in enumerate(path_rad):
            beat = self.beat(target_rad, [motions[min(k + ahead, len(motions) - 1)] for ahead in ahead_periods])
            beats.append(beat)
            if each_beat is not None:
                each_beat(beat)
            pushing = np.abs(beat.joints.effort_ratio)
            if not (pushing > effort_max_ratio).any():
                t_free_ns = beat.t_command_ns
            elif beat.t_command_ns - t_free_ns > TOUCH_NS:
                self._stop(beat, int(pushing.argmax()))
        return beats

    def stand(self, duration_ns: int) -> JointState:
        """Hold for so long, and return the joints measured last."""
        t_end_ns = self._clock.now_ns() + duration_ns
        joints = self.beat(None).joints
        while self._clock.now_ns() < t_end_ns:
            joints = self.beat(None).joints
        return joints

    def come_to_stand(self) -> None:
        """Brake as the robot file lets it."""
        self.beat(None)
        while not self._gate.at_rest:
            self.beat(None)

    def restore(self) -> None:
        """Leave torque as it was found: an arm that hung limp goes to its rest pose, and is let go there.

        What keeps it from there, a touch or Ctrl-C, stops it: it is held where it is, and goes limp only for who says so.
        """
        if not self._torque_before:
            return
        self._leaving = True
        if all(self._torque_before):
            if self.holding:
                self.come_to_stand()
            else:
                self.hold()
        elif self.holding and self._stands:
            with contextlib.suppress(DeviceError):
                self.come_to_stand()
            self.release()
        elif self.holding:
            lay_to_rest(self, self._operator)

    def _tell(self, text: str) -> None:
        if self._operator is not None:
            self._operator.say(text)

    def _keep(self) -> None:
        """Keep an arm that is held from being let go by its own motors while somebody thinks."""
        if self.holding:
            self.beat(None)

    def _keep_in_time(self) -> None:
        if self._clock.now_ns() >= self._t_beat_ns + self.config.period_ns:
            self._keep()

    def _stop(self, beat: Beat, index: int) -> None:
        self._gate.begin(beat.joints.position_rad)  # do not push on
        self.beat(None)
        name, effort = self.config.joint_names[index], abs(beat.joints.effort_ratio[index])
        angle = np.degrees(beat.joints.position_rad[index])
        raise TouchError(
            f"{name} pushes with {effort:.0%} of its torque at {angle:.1f} degrees: something is in its way"
        )

    def _measured(self) -> JointState:
        self._wait_for_beat()
        return self._patiently(self._arm.read)

    def _wait_for_beat(self) -> None:
        self._t_beat_ns = max(self._t_beat_ns + self.config.period_ns, self._clock.now_ns())
        self._clock.wait_until(self._t_beat_ns)

    def _patiently(self, ask: Callable[[], JointState]) -> JointState:
        for _ in range(self.lost_cycles_max - 1):
            with contextlib.suppress(BusTimeoutError):
                return ask()
        return ask()
