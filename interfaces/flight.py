"""What a flight record is made of: the command process's periods, the inferences behind them, and what was said."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interfaces.messages import CommandState, Foresight, JointState, JointVector, StageInput


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandCycle:
    """One period of the command process: all that went into its decision, and what was decided."""

    sequence: int
    t_deadline_ns: int  # the beat
    t_woke_ns: int
    t_command_ns: (
        int  # the instant the stage decided for: the beat, or now where that has passed; 0 where nothing was sent
    )
    t_sent_ns: int  # when it went to the bus; 0 where nothing was sent
    t_done_ns: int  # after the bus cycle
    missed: int  # periods before this one that passed without a command
    state: CommandState
    why: str  # what led to the state
    chunk_sequence: int  # behind the command; 0 where none
    frame_age_ns: int  # -1 where none
    foresight_age_ns: int  # at the chunk's joint state; -1 where none
    joints: (
        JointState | None
    )  # what the stage decided on: measured in the period before; None before they were ever measured
    commanded_rad: JointVector  # NaN before the first command
    commanded_rad_s: JointVector
    commanded_rad_s2: JointVector
    inputs: tuple[StageInput, ...]  # what the stage was told in this period, in order, before it decided


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionInference:
    """One run of the action graph: with these and the foresight's tokens it can be run again."""

    sequence: int
    chunk_sequence: int
    foresight_sequence: int
    t_start_ns: int
    t_done_ns: int
    t_state_ns: int
    joints_rad: JointVector
    noise: NDArray[np.float32]  # (row, joint)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForesightInference:
    """One run of the foresight graph."""

    sequence: int
    t_start_ns: int
    foresight: Foresight


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line that a process said to people."""

    sequence: int
    t_ns: int
    source: str
    level: int  # of Python's logging: 20 info, 30 warning, 40 error
    text: str
