"""The foresight thread of the policy process: frame slot to foresight slot, at the foresight rate."""

from __future__ import annotations

import dataclasses
import time
from typing import Protocol

from interfaces.messages import Foresight
from runtime.policy.board import PolicyBoard
from runtime.policy.feed import PolicyFeed
from runtime.policy.frame_pacer import FramePacer
from runtime.policy.frame_pairing import FrameSet
from runtime.policy.latency_estimate import LatencyEstimate
from runtime.policy.rest_stage import REST
from runtime.service.pulse import Turns

_PATIENCE_NS = 4_000_000_000  # ten times the age at which robot files call foresight too old to act on
_LOOK_S = 0.1  # how often a silent camera lets the thread look whether it should stop


class Foresees(Protocol):
    """What runtime.policy.foresight_stage.ForesightStage does; a test may pass a slower one."""

    def foresee(self, frames: FrameSet, instruction: str, t_now_ns: int) -> Foresight:
        """Return the foresight of one frame of each camera."""
        ...


class ForesightLoop:
    """Foresees from a set of frames the moment it is whole, skipping sets to keep the rate; idle while nothing is followed."""

    def __init__(
        self,
        stage: Foresees,
        rate_hz: float,
        frame_rate_hz: float,
        board: PolicyBoard,
        feed: PolicyFeed | None = None,
    ) -> None:
        """`feed` tells the recorder, where there may be one."""
        self._stage = stage
        self._pacer = FramePacer(rate_hz, frame_rate_hz)
        self._latency = LatencyEstimate()
        self._board = board
        self._feed = feed
        self.turns = Turns()
        self.patience_ns = _PATIENCE_NS

    def run(self) -> None:
        """Foresee until the board says stop; raises DeviceError when the engine fails."""
        sequence = 0
        while not self._board.stop.is_set():
            arrived = self._board.frames.wait(sequence, _LOOK_S)
            if arrived is not None:
                sequence = arrived.sequence
                self._turn(arrived.value)
            self.turns.ended()

    def _turn(self, frames: FrameSet) -> None:
        instruction = self._board.instruction
        # By its arrival, not by now: a frame that came while the last one was foreseen is as early as it was then.
        t_arrival_ns = max(frame.t_arrival_ns for frame in frames)
        if instruction is None or instruction == REST or not self._pacer.take(t_arrival_ns):
            return
        t_start_ns = time.monotonic_ns()
        self._board.t_foresight_due_ns = t_start_ns + self._latency.usual_ns
        foresight = self._stage.foresee(frames, instruction, t_start_ns)
        t_done_ns = time.monotonic_ns()
        foresight = dataclasses.replace(foresight, t_done_ns=t_done_ns)
        self._board.foresights.put(foresight)
        self._board.foresight_latency.add(t_done_ns, t_done_ns - t_start_ns)
        self._latency.add(t_done_ns - t_start_ns)
        self._board.t_foresight_due_ns = self._pacer.t_due_ns + self._latency.usual_ns
        if self._feed is not None:
            self._feed.foresight(foresight, t_start_ns)
