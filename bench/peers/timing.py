"""What the servos' tape of goals says about a runtime: its beat, the age of its commands, its start, and what came after a kill. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.peers.frame_code import STAIR_FRAMES, GoalCode

_START_TICKS = 2  # goals within this of the first ones may still be the pose the arm was found in
_AFTER_END_PERIODS = 5  # commands that went on until so shortly before the end of the tape go on
_MS = 1e-6

Instants = NDArray[np.int64]  # (command,) ns
GoalTicks = NDArray[np.int64]  # (command, joint)


@dataclass(frozen=True)
class Beat:
    """The rate of commands, and how far the time between two is from the period."""

    rate_hz: float
    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float


@dataclass(frozen=True)
class Age:
    """From the capture of the frame behind it to a command on the bus."""

    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Reaction:
    """From the capture of a frame that shows something new to the first command that differs because of it."""

    events: int
    p50_ms: float
    p95_ms: float
    max_ms: float


@dataclass(frozen=True)
class Aftermath:
    """What the servos were told after the model's process was killed."""

    commands_ended_ms: float | None  # None: they went on
    silence_ms: float  # the longest while without a command until the tape ended
    at_rest_ms: float  # when the goals changed for the last time

    @property
    def held(self) -> bool:
        """Return whether somebody went on commanding the arm."""
        return self.commands_ended_ms is None


def beat(t_ns: Instants, rate_hz: float) -> Beat:
    """Return the beat of commands, of which there are two or more."""
    periods_ms = np.diff(t_ns) * _MS
    error_ms = np.abs(periods_ms - 1e3 / rate_hz)
    p50_ms, p99_ms, p999_ms = np.percentile(error_ms, (50, 99, 99.9)).tolist()
    return Beat(1e3 / float(periods_ms.mean()), p50_ms, p99_ms, p999_ms, float(error_ms.max()))


def age(t_ns: Instants, goal_ticks: GoalTicks, code: GoalCode, t_camera_ns: int, camera_hz: float) -> Age:
    """Return the ages of commands; frame 0 was taken at `t_camera_ns`."""
    t_frames_ns = t_camera_ns + code.numbers(goal_ticks) * 1e9 / camera_hz
    p50_ms, p95_ms, p99_ms = np.percentile((t_ns - t_frames_ns) * _MS, (50, 95, 99)).tolist()
    return Age(p50_ms, p95_ms, p99_ms)


def reaction(t_ns: Instants, goal_ticks: GoalTicks, code: GoalCode, t_camera_ns: int, camera_hz: float) -> Reaction:
    """Return the reactions to every stair whose first frame was taken, and whose end was left, within these commands.

    A command can answer only what was taken before it: a goal that overshoots its stair, and comes back, answers nothing.
    Raises ValueError where there is no reaction.
    """
    stairs = code.stairs(goal_ticks)
    delays_ms: list[float] = []
    for stair in range(int(stairs[0]) + 1, int(stairs[-1]) + 1):
        t_taken_ns = t_camera_ns + stair * STAIR_FRAMES * 1e9 / camera_hz
        answers = (stairs >= stair) & (t_ns >= t_taken_ns)
        if t_taken_ns >= t_ns[0] and answers.any():
            delays_ms.append((int(t_ns[int(np.argmax(answers))]) - t_taken_ns) * _MS)
    if not delays_ms:
        raise ValueError("no reaction: the goals stayed on one stair")
    p50_ms, p95_ms = np.percentile(delays_ms, (50, 95)).tolist()
    return Reaction(len(delays_ms), p50_ms, p95_ms, max(delays_ms))


def first_command_ns(t_ns: Instants, goal_ticks: GoalTicks, found_ticks: int) -> int:
    """Return when the first command left the pose in which the servos were found; raises ValueError when none did."""
    moved = np.abs(goal_ticks - found_ticks).max(axis=1, initial=0) > _START_TICKS
    if not moved.any():
        raise ValueError("no command of a policy reached the servos")
    return int(t_ns[int(np.argmax(moved))])


def aftermath(t_ns: Instants, goal_ticks: GoalTicks, t_kill_ns: int, t_end_ns: int, rate_hz: float) -> Aftermath:
    """Return what came after a kill at `t_kill_ns`, on a tape that ends at `t_end_ns`."""
    after = t_ns > t_kill_ns
    t_after_ns = t_ns[after]
    edges_ns = np.concatenate(([t_kill_ns], t_after_ns, [t_end_ns]))
    goes_on = len(t_after_ns) > 0 and t_end_ns - t_after_ns[-1] < _AFTER_END_PERIODS * 1e9 / rate_hz
    ended_ns = int(t_after_ns[-1]) - t_kill_ns if len(t_after_ns) else 0
    changed = np.flatnonzero(np.diff(goal_ticks, axis=0).any(axis=1)) + 1
    t_changes_ns = t_ns[changed]
    t_changes_ns = t_changes_ns[t_changes_ns > t_kill_ns]
    return Aftermath(
        commands_ended_ms=None if goes_on else ended_ns * _MS,
        silence_ms=float(np.diff(edges_ns).max()) * _MS,
        at_rest_ms=(int(t_changes_ns[-1]) - t_kill_ns) * _MS if len(t_changes_ns) else 0.0,
    )
