"""The eye on a sequence of faults: after every period it holds what was done against what must hold, and knows no reasons.

It looks at what went in and what came out, never into the stage, so that it cannot make the same mistake.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bench.faults.limits import MotionLimits, Worst, rest_max_ns, worst_of
from interfaces.messages import (
    ActionChunk,
    CommandState,
    JointCommand,
    JointState,
    JointVector,
    StageInput,
    StageInputKind,
)
from interfaces.robot_config import RobotConfig

_SAME_RAD = 1e-12
_ANGLE_MAX_RAD = 1000.0  # beyond is no angle


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """What happened in one period."""

    t_ns: int  # on a clock that never runs back, whatever the stage was told
    told: tuple[StageInput, ...]
    command: JointCommand | None
    joints: JointState | None  # that the command was decided on
    state: CommandState
    lost: bool  # the bus, when the period began


@dataclass(slots=True)
class Findings:
    """What the eye saw."""

    violations: list[str] = field(default_factory=list[str])
    periods: dict[str, int] = field(default_factory=dict[str, int])  # by state
    commanded: Worst = field(default_factory=Worst)
    rest_max_ms: float = 0.0  # the longest way to rest


class Watch:
    """Looks at one sequence; `findings` is what it saw so far."""

    def __init__(self, robot: RobotConfig) -> None:
        self._limits = MotionLimits(robot.arm)
        self._rest_max_ns = rest_max_ns(robot.arm)
        self._age_max_ns = round(robot.policy.chunk_age_max_ms * 1e6)
        self._foresight_max_ns = round(robot.policy.foresight_age_max_ms * 1e6)
        self._period_ns = robot.arm.period_ns
        self._patience_ns = round(robot.arm.limit_patience_ms * 1e6)
        self._arm = robot.arm
        self._n_joints = len(robot.arm.joints)
        self._state = CommandState.BOOT
        self._stretch: list[JointVector] = []  # of commands since the arm was armed last
        self._measured_rad: JointVector | None = None  # when it was
        self._t_good_ns: int | None = None  # joint state of the last chunk that may be followed, since following ended
        self._t_wrong_ns: int | None = None  # since when a motor reports too much
        self._brakes_for_ns = 0
        self.findings = Findings()

    def look(self, period: Period) -> None:
        """Look at one period; they come in order."""
        states = self.findings.periods
        states[period.state.name] = states.get(period.state.name, 0) + 1
        kinds = [told.kind for told in period.told]
        self._look_at_latches(period, kinds)
        self._look_at_following(period)
        self._look_at_motors(period, kinds)
        if StageInputKind.BEGIN in kinds or StageInputKind.BUS_BACK in kinds:
            self._end_stretch()
            self._measured_rad = None if period.joints is None else period.joints.position_rad
        if period.command is not None:
            self._look_at_command(period, period.command)
        self._state = period.state

    def close(self) -> Findings:
        """Return what was seen, all of it."""
        self._end_stretch()
        if not self.findings.commanded.within:
            self._object_to(None, f"limits: {self.findings.commanded.line()}")
        return self.findings

    def _look_at_latches(self, period: Period, kinds: list[StageInputKind]) -> None:
        latched = {CommandState.FAULT, CommandState.ESTOP}
        if self._state in latched and period.state not in latched and StageInputKind.CLEAR not in kinds:
            self._object_to(period, f"{self._state.name} was left without a clear, for {period.state.name}")
        if (
            self._state is CommandState.ESTOP
            and period.state is CommandState.FAULT
            and StageInputKind.CLEAR not in kinds
        ):
            self._object_to(period, "ESTOP became FAULT")
        if kinds and kinds[-1] is StageInputKind.ESTOP and period.state is not CommandState.ESTOP:
            self._object_to(period, f"an emergency stop led to {period.state.name}")
        armed = self._state is not CommandState.BOOT
        if period.lost and armed and period.state not in latched:
            self._object_to(period, f"the bus is lost, and the state is {period.state.name}")

    def _look_at_following(self, period: Period) -> None:
        """Hold FOLLOWING against the chunks and all that ends following, in the order in which the stage was told."""
        for told in period.told:
            if told.chunk is None:  # all but a chunk ends following
                self._t_good_ns = None
            elif self._is_good(told.chunk, told.t_ns):
                self._t_good_ns = max(told.chunk.t_state_ns, self._t_good_ns or 0)
            elif told.chunk.t_state_ns > (self._t_good_ns or 0):
                self._t_good_ns = None
        if period.state is not CommandState.FOLLOWING:
            return
        if self._t_good_ns is None:
            self._object_to(period, "it follows, and there is no chunk to follow")
        elif period.command is not None and period.command.t_command_ns - self._t_good_ns > self._age_max_ns:
            self._object_to(period, "it follows a chunk that is too old")

    def _is_good(self, chunk: ActionChunk, t_ns: int) -> bool:
        rows = chunk.position_rad
        right = rows.shape[1] == self._n_joints and bool(
            np.isfinite(rows).all() and np.abs(rows).max() <= _ANGLE_MAX_RAD
        )
        return right and chunk.t_state_ns <= t_ns and chunk.foresight_age_ns <= self._foresight_max_ns

    def _look_at_motors(self, period: Period, kinds: list[StageInputKind]) -> None:
        """A motor that reports too much for longer than the patience of the robot file is a fault, whatever else happens."""
        command, joints = period.command, period.joints
        if kinds and not {StageInputKind.CLEAR, StageInputKind.BEGIN, StageInputKind.BUS_BACK}.isdisjoint(kinds):
            self._t_wrong_ns = None
        if command is None or joints is None or not self._reports_too_much(joints):
            self._t_wrong_ns = None
            return
        if self._t_wrong_ns is None:
            self._t_wrong_ns = period.t_ns
        t_told_ns = min(period.t_ns, command.t_command_ns)  # a clock that was turned back cannot show that time is up
        late = t_told_ns - self._t_wrong_ns > self._patience_ns + self._period_ns
        if late and command.state not in {CommandState.FAULT, CommandState.ESTOP}:
            self._object_to(period, "a motor reports too much for too long, and it is no fault")

    def _reports_too_much(self, joints: JointState) -> bool:
        arm = self._arm
        hot = joints.temperature_degc.max() > arm.temperature_max_degc
        weak = joints.voltage_v.min() < arm.voltage_min_v
        return bool(hot or weak or (np.abs(joints.effort_ratio) > arm.vector("effort_fault_ratio")).any())

    def _look_at_command(self, period: Period, command: JointCommand) -> None:
        if not np.isfinite(command.position_rad).all():
            self._object_to(period, f"a command that is not finite: {command.position_rad}")
            return
        if not self._stretch:
            if self._measured_rad is None:
                self._object_to(period, "a command before the pose was measured")
            elif np.abs(command.position_rad - self._measured_rad).max() > _SAME_RAD:
                self._object_to(period, "the first command is not the measured pose")
        self._look_at_rest(period, command)
        self._stretch.append(command.position_rad)

    def _look_at_rest(self, period: Period, command: JointCommand) -> None:
        """Bound the time in which the commands move although nothing is followed."""
        moves = bool(self._stretch) and bool((command.position_rad != self._stretch[-1]).any())
        if command.state is CommandState.FOLLOWING or not moves:
            self._brakes_for_ns = 0
            return
        self._brakes_for_ns += self._period_ns
        self.findings.rest_max_ms = max(self.findings.rest_max_ms, self._brakes_for_ns / 1e6)
        if self._brakes_for_ns > self._rest_max_ns:
            self._object_to(period, f"not at rest after {self._brakes_for_ns / 1e6:.0f} ms")

    def _end_stretch(self) -> None:
        if self._stretch:
            self.findings.commanded = worst_of(self.findings.commanded, self._limits.worst(np.array(self._stretch)))
        self._stretch.clear()
        self._brakes_for_ns = 0

    def _object_to(self, period: Period | None, what: str) -> None:
        when = "at the end" if period is None else f"{period.t_ns / 1e6:.0f} ms"
        self.findings.violations.append(f"{when}: {what}")
