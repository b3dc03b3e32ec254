"""A policy in the hands of a test: it swings as bench/swinging_policy.py does, and what it sends may be spoiled or late."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from bench.command_rig import PATIENCE_S, RunningCommand
from bench.swinging_policy import EVERY, swing
from interfaces.errors import DeviceError
from interfaces.messages import ActionChunk, CommandState
from interfaces.wire import CommandStatus

_MIDDLE_RAD = 0.3
_FAST_RAD_S = 0.9
_PERIOD_S = 0.01
Spoil = Callable[[ActionChunk], ActionChunk]


def untouched(chunk: ActionChunk) -> ActionChunk:
    """Return the chunk."""
    return chunk


def poisoned(value: float) -> Spoil:
    """Return what puts `value` into one place of a chunk."""

    def spoil(chunk: ActionChunk) -> ActionChunk:
        rows = chunk.position_rad.copy()
        rows[len(rows) // 2, 2] = value
        return replace(chunk, position_rad=rows)

    return spoil


def constant(value_rad: float) -> Spoil:
    """Return what makes a chunk want all joints at one angle, now and ever."""
    return lambda chunk: replace(chunk, position_rad=np.full_like(chunk.position_rad, value_rad))


class HandPolicy:
    """Swings the first joint over the real socket, for as long as it is told to."""

    def __init__(self, command: RunningCommand) -> None:
        self._command = command
        self._sequence = 0
        self._underway: list[tuple[int, ActionChunk]] = []
        self.spoil: Spoil = untouched
        self.delay_ns = 0

    def swing_for(self, duration_s: float) -> CommandStatus:
        """Swing for some time; return the last status."""
        t_end_ns = time.monotonic_ns() + round(duration_s * 1e9)
        return self._swing(lambda _: time.monotonic_ns() >= t_end_ns, "the end")

    def swing_until(self, *states: CommandState) -> CommandStatus:
        """Swing until the command process is in one of the states; raises DeviceError when it never is."""
        return self._swing(lambda status: status.state in states, " or ".join(state.name for state in states))

    def swing_fast(self) -> CommandStatus:
        """Swing until the first joint is in the middle of its way, at 1 rad/s."""
        before = self._command.status()

        def moves(status: CommandStatus) -> bool:
            nonlocal before
            way_rad = abs(status.commanded_rad[0] - before.commanded_rad[0])
            enough_rad = _FAST_RAD_S * (status.sequence - before.sequence) * _PERIOD_S
            before = status
            in_the_middle = abs(status.commanded_rad[0]) < _MIDDLE_RAD
            return status.state is CommandState.FOLLOWING and in_the_middle and 0 < enough_rad <= way_rad

        return self._swing(moves, "motion")

    def _swing(self, enough: Callable[[CommandStatus], bool], what: str) -> CommandStatus:
        t_end_ns = time.monotonic_ns() + round(PATIENCE_S * 1e9)
        while time.monotonic_ns() < t_end_ns:
            status = self._command.status()
            if status.sequence % EVERY == 0:
                self._sequence += 1
                chunk = self.spoil(swing(status, self._sequence))
                self._underway.append((status.joints.t_measured_ns + self.delay_ns, chunk))
            self._send(time.monotonic_ns())
            if enough(status):
                return status
        raise DeviceError(f"swung for {PATIENCE_S} s, and in vain waited for {what}")

    def _send(self, t_now_ns: int) -> None:
        for _, chunk in [entry for entry in self._underway if entry[0] <= t_now_ns]:
            self._command.link.send_chunk(chunk)
        self._underway = [entry for entry in self._underway if entry[0] > t_now_ns]
