"""Replay: the command stage is told everything again that a record says it was told, and its commands are compared.

    recorded cycle --what it was told, measured joints--> CommandStage --command--> the same bits?

The same robot file must give the same bits. Another one answers what its limits would have done, on the joints as they were
measured then. Where cycles are missing, the stage goes on from the recorded command, and compares again as soon as it knows the
chunk that is followed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from interfaces.errors import RefusedError
from interfaces.flight import CommandCycle
from interfaces.messages import CommandState, JointCommand, StageInput, StageInputKind
from interfaces.robot_config import RobotConfig
from runtime.command.stage import CommandStage

_MISSING = "the chunk followed came before the record, or in a gap of it"
_FIRST = "the record goes on from there"
_IDLE = "no command was sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that the replay decided otherwise."""

    sequence: int  # of the cycle
    t_ns: int
    what: str  # a joint, or a field of the cycle
    recorded: str
    replayed: str
    off_rad: float  # NaN for what is no angle


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Cycles that the record lacks."""

    after: int  # the last cycle before them; 0 at the record's beginning
    missing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayResult:
    """What a replay found."""

    joint_names: tuple[str, ...]
    limit_rad: float
    cycles: int
    compared: int
    identical: int  # to the last bit
    different: int  # by more than the limit, or in state, chunk or frame age
    largest_rad: tuple[float, ...]  # difference of each joint
    first: tuple[Difference, ...]  # differences beyond the limit, the earliest
    not_compared: tuple[tuple[str, int], ...]  # why, and how many cycles
    gaps: tuple[Gap, ...]

    @property
    def same(self) -> bool:
        """Return whether something was compared, and nothing differs by more than the limit."""
        return self.compared > 0 and self.different == 0


def replay(
    cycles: Iterable[CommandCycle], config: RobotConfig, *, limit_rad: float = 1e-9, keep: int = 20
) -> ReplayResult:
    """Return how the commands of a stage with `config` differ from the recorded ones; `keep` differences are listed.

    Raises RefusedError where the record is of an arm with other joints.
    """
    run = _Replay(config, limit_rad, keep)
    for cycle in cycles:
        run.cycle(cycle)
    return run.result()


class _Replay:
    def __init__(self, config: RobotConfig, limit_rad: float, keep: int) -> None:
        self._config = config
        self._limit_rad = limit_rad
        self._keep = keep
        self._stage = CommandStage(config)
        self._chunk_known = True
        self._sequence = 0
        self._cycles = self._compared = self._identical = self._different = 0
        self._largest_rad = np.zeros(len(config.arm.joints))
        self._first: list[Difference] = []
        self._not_compared: Counter[str] = Counter()
        self._gaps: list[Gap] = []

    def cycle(self, cycle: CommandCycle) -> None:
        """Play one cycle."""
        if len(cycle.commanded_rad) != len(self._largest_rad):
            raise RefusedError(f"a record of {len(cycle.commanded_rad)} joints, a robot of {len(self._largest_rad)}")
        self._cycles += 1
        before, self._sequence = self._sequence, cycle.sequence
        if cycle.sequence == 1:  # the command process started
            self._stage, self._chunk_known = CommandStage(self._config), True
        elif cycle.sequence != before + 1:
            self._gaps.append(Gap(after=before, missing=max(cycle.sequence - before - 1, 0)))
            self._resume(cycle, _FIRST)
            return
        if not self._chunk_known:
            self._chunk_known = _tells_what_is_followed(cycle)
            if not self._chunk_known and self._needs_chunk(cycle):
                self._resume(cycle, _MISSING)
                return
        try:
            self._compare(cycle, self._play(cycle))
        except RefusedError as error:
            self._resume(cycle, str(error))

    def result(self) -> ReplayResult:
        """Return what was found."""
        return ReplayResult(
            joint_names=self._config.arm.joint_names,
            limit_rad=self._limit_rad,
            cycles=self._cycles,
            compared=self._compared,
            identical=self._identical,
            different=self._different,
            largest_rad=tuple(float(value) for value in self._largest_rad),
            first=tuple(self._first),
            not_compared=tuple(self._not_compared.items()),
            gaps=tuple(self._gaps),
        )

    def _resume(self, cycle: CommandCycle, why: str) -> None:
        self._not_compared[why] += 1
        self._stage.resume(cycle)
        self._chunk_known = False

    def _needs_chunk(self, cycle: CommandCycle) -> bool:
        told = any(one.kind is StageInputKind.CHUNK for one in cycle.inputs)
        return told or CommandState.FOLLOWING in {cycle.state, self._stage.state}

    def _play(self, cycle: CommandCycle) -> JointCommand | None:
        # What came after the command, as a bus that was lost in the exchange, has no part in it.
        t_decided_ns = cycle.t_sent_ns or cycle.t_done_ns
        self._tell([told for told in cycle.inputs if told.t_ns <= t_decided_ns], cycle)
        command = None
        if cycle.t_command_ns and cycle.joints is not None:
            command = self._stage.command(cycle.joints, cycle.t_command_ns)
        self._tell([told for told in cycle.inputs if told.t_ns > t_decided_ns], cycle)
        return command

    def _tell(self, inputs: list[StageInput], cycle: CommandCycle) -> None:
        for told in inputs:
            self._stage.take(told, cycle.joints)

    def _compare(self, cycle: CommandCycle, command: JointCommand | None) -> None:
        found = self._differences(cycle, command)
        if command is None:
            self._not_compared[_IDLE] += 1
        else:
            self._compared += 1
            off_rad = np.abs(self._stage.commanded_rad - cycle.commanded_rad)
            self._largest_rad = np.fmax(self._largest_rad, off_rad)
            self._identical += not found and np.array_equal(self._stage.commanded_rad, cycle.commanded_rad)
        self._different += bool(found)
        self._first += found[: self._keep - len(self._first)]

    def _differences(self, cycle: CommandCycle, command: JointCommand | None) -> list[Difference]:
        pairs = {"state": (cycle.state.name, self._stage.state.name)}
        if command is not None:
            pairs["chunk"] = (str(cycle.chunk_sequence), str(command.chunk_sequence))
            pairs["frame age"] = (f"{cycle.frame_age_ns} ns", f"{command.frame_age_ns} ns")
        found = [_difference(cycle, what, *pair, math.nan) for what, pair in pairs.items() if pair[0] != pair[1]]
        if command is None:
            return found
        off_rad = np.abs(self._stage.commanded_rad - cycle.commanded_rad)
        for k in np.flatnonzero(~(off_rad <= self._limit_rad)):  # NaN is beyond every limit
            recorded, replayed = float(cycle.commanded_rad[k]), float(self._stage.commanded_rad[k])
            name = self._config.arm.joint_names[k]
            found.append(_difference(cycle, name, f"{recorded:.9f}", f"{replayed:.9f}", float(off_rad[k])))
        return found


def _tells_what_is_followed(cycle: CommandCycle) -> bool:
    told = [one for one in cycle.inputs if one.kind is StageInputKind.CHUNK]
    return bool(told) and told[-1].chunk is not None and told[-1].chunk_sequence == cycle.chunk_sequence


def _difference(cycle: CommandCycle, what: str, recorded: str, replayed: str, off_rad: float) -> Difference:
    t_ns = cycle.t_command_ns or cycle.t_woke_ns
    return Difference(
        sequence=cycle.sequence, t_ns=t_ns, what=what, recorded=recorded, replayed=replayed, off_rad=off_rad
    )
