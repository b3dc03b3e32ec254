"""What is left when a run with faults is over: what the servos got, what the command process logged and said; and what must hold of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.faults.limits import MotionLimits, Worst, still, worst_of
from drivers.feetech.registers import RAD_PER_TICK
from interfaces.arm_config import ArmConfig
from interfaces.messages import CommandState
from runtime.command.log import Records
from sim.feetech.goal_tape import Goals

_EXTRA_GOALS = 4  # on the tape and not in the log: each arming makes the measured pose the goal
_REST_PERIODS = 5  # so many equal commands in a row are rest, and not a turning point


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One run of the command process."""

    arm: ArmConfig
    said: str  # on standard error
    records: Records  # a period each
    goals: Goals  # as the servos got them: also those of another run before

    def assert_all_is_within_limits(self, *, lost_on_the_way: int = 0) -> None:
        """Hold every command against position, velocity, acceleration and jerk limits, and the servos' tape against the log.

        `lost_on_the_way` is how many logged commands the servos need not have got: the one that met a pulled cable.
        """
        worst = self.worst()
        assert worst.within, worst.line()
        assert self._not_arrived() <= lost_on_the_way
        for stretch in self._stretches():
            first = np.abs(stretch["commanded_rad"][0] - stretch["position_rad"][0]).max()
            assert first <= RAD_PER_TICK, f"the first command was {first} rad off the measured pose"

    def worst(self) -> Worst:
        """Return how much of the limits was used."""
        limits = MotionLimits(self.arm)
        return worst_of(*(limits.worst(stretch["commanded_rad"]) for stretch in self._stretches()))

    def hold_after_ms(self, t_ns: int, state: CommandState = CommandState.HOLDING) -> float:
        """Return how long after `t_ns` the first command in `state` was sent; raises AssertionError where none was."""
        in_state = self._sent_after(t_ns)
        in_state = in_state[in_state["state"] == state]
        assert len(in_state), f"never {state.name} after the fault; said: {self.said}"
        return float(in_state["t_sent_ns"][0] - t_ns) / 1e6

    def rest_after_ms(self, t_ns: int) -> float:
        """Return how long after `t_ns` the commands had come to rest."""
        sent = self._sent_after(t_ns)
        return float(sent["t_sent_ns"][_rest(sent)] - t_ns) / 1e6

    def braking_ms(self, t_ns: int) -> float:
        """Return how long the commands after `t_ns` went on although nothing was followed, in periods of the robot file.

        A busy machine may starve the policy so that following ends and begins again just then; what counts is the last end.
        """
        sent = self._sent_after(t_ns)
        at_rest = _rest(sent)
        followed = np.flatnonzero(sent["state"][:at_rest] == CommandState.FOLLOWING)
        return float(at_rest - (followed[-1] + 1 if len(followed) else 0)) * self.arm.period_ns / 1e6

    def silence_ms(self, t_from_ns: int, t_until_ns: int) -> float:
        """Return the longest time in which the servos got nothing."""
        t_goals_ns = self.goals["t_ns"]
        inside = t_goals_ns[(t_goals_ns > t_from_ns) & (t_goals_ns < t_until_ns)]
        return float(np.diff(np.concatenate([[t_from_ns], inside, [t_until_ns]])).max()) / 1e6

    def states_between(self, t_from_ns: int, t_until_ns: int) -> set[CommandState]:
        """Return the states of the commands sent in between."""
        sent = self._sent_after(t_from_ns)
        return {CommandState(int(state)) for state in np.unique(sent["state"][sent["t_sent_ns"] < t_until_ns])}

    def _sent_after(self, t_ns: int) -> Records:
        return self.records[self.records["t_sent_ns"] > t_ns]

    def _stretches(self) -> list[Records]:
        """Return the commands in stretches in which the arm was not armed anew."""
        sent = self.records["t_sent_ns"] > 0
        cuts = np.flatnonzero(np.diff(sent.astype(int)) != 0) + 1
        return [part for part in np.split(self.records, cuts) if len(part) and part["t_sent_ns"][0] > 0]

    def _not_arrived(self) -> int:
        """Return how many logged commands are not among what the servos got, in order."""
        sent = self.records[self.records["t_sent_ns"] > 0]
        home_ticks, direction = self.arm.vector("home_ticks"), self.arm.vector("direction")
        wanted = np.rint(home_ticks + direction * sent["commanded_rad"] / RAD_PER_TICK).astype(np.int64).tolist()
        got = self.goals["goal_ticks"][self.goals["t_ns"] > sent["t_sent_ns"][0]].astype(np.int64).tolist()
        missing = at = 0
        for goal in wanted:
            ahead = got[at : at + _EXTRA_GOALS]
            if goal in ahead:
                at += ahead.index(goal) + 1
            else:
                missing += 1
        return missing


def _rest(sent: Records) -> int:
    """Return the first command of the first rest."""
    quiet = np.convolve(still(sent["commanded_rad"]), np.ones(_REST_PERIODS), "valid") == _REST_PERIODS
    assert quiet.any(), "the commands never came to rest"
    return int(np.argmax(quiet))
