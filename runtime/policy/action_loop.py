"""The action thread of the policy process: newest foresight and joint state to a chunk on the link, at the action rate."""

from __future__ import annotations

import time

from interfaces.messages import ActionChunk, CommandState, JointVector
from interfaces.wire import CommandStatus
from runtime.link import PolicyLink
from runtime.policy.action_pacer import ActionPacer
from runtime.policy.action_stage import ActionStage
from runtime.policy.board import PolicyBoard
from runtime.policy.feed import PolicyFeed
from runtime.policy.rest_stage import REST, RestStage
from runtime.service.pulse import Turns

_STATUS_WAIT_S = 0.25  # two dozen command periods: longer silence means that nobody commands the arm
_YOUNG_NS = 20_000_000  # joints so young are acted on at once, instead of waiting for the next
_PATIENCE_NS = 4_000_000_000
_SOURCE = "command process"
_COMMANDING = (CommandState.FOLLOWING, CommandState.HOLDING)


class ActionLoop:
    """Makes chunks while an instruction is followed; owns the link to the command process."""

    def __init__(
        self,
        action: ActionStage,
        rest: RestStage,
        rate_hz: float,
        link: PolicyLink,
        board: PolicyBoard,
        feed: PolicyFeed | None = None,
    ) -> None:
        """`feed` tells the recorder, where there may be one."""
        self._action = action
        self._rest = rest
        self._pacer = ActionPacer(rate_hz)
        self._foresight_sequence = 0  # of the newest that was acted on
        self._link = link
        self._board = board
        self._feed = feed
        self.turns = Turns()
        self.patience_ns = _PATIENCE_NS + round(1e9 / rate_hz)  # it may wait a period for a new foresight

    def run(self) -> None:
        """Act until the board says stop, then hang up: the arm holds at once. Raises DeviceError when the engine fails."""
        try:
            while not self._board.stop.is_set():
                self._wait()
                self._turn()
                self.turns.ended()
        finally:
            self._link.close()

    def _wait(self) -> None:
        """Wait for a new foresight, or until a turn is due without one."""
        fresh = None
        while fresh is None and (wait_ns := self._wait_ns()) > 0:
            fresh = self._board.foresights.wait(self._foresight_sequence, wait_ns * 1e-9)
        if fresh is not None:
            self._foresight_sequence = fresh.sequence
        self._pacer.begin(time.monotonic_ns(), fresh=fresh is not None)

    def _wait_ns(self) -> int:
        return self._pacer.wait_ns(time.monotonic_ns(), self._board.t_foresight_due_ns)

    def _turn(self) -> None:
        status = self._status()
        t_now_ns = time.monotonic_ns()
        self._board.connected = self._link.connected
        if status is None:
            self._board.fault(_SOURCE, "silent" if self._link.connected else "not there")
            return
        self._board.over(_SOURCE)
        self._board.command = status
        chunk = self._chunk(status, t_now_ns)
        if chunk is not None:
            self._link.send_chunk(chunk)
            t_done_ns = time.monotonic_ns()
            self._board.chunk = chunk
            self._board.action_latency.add(t_done_ns, t_done_ns - t_now_ns)

    def _status(self) -> CommandStatus | None:
        """Return the newest status: one that came, else the last while it is young, else the next."""
        last = self._board.command
        status = self._link.wait_status(0.0)
        if status is None and last is not None and self._link.connected:
            young = time.monotonic_ns() - last.joints.t_measured_ns < _YOUNG_NS
            status = last if young else None
        return status or self._link.wait_status(_STATUS_WAIT_S)

    def _chunk(self, status: CommandStatus, t_now_ns: int) -> ActionChunk | None:
        instruction = self._board.instruction
        if instruction == REST:
            self._action.forget()
            return self._rest.lead(status.joints, _from_rad(status))
        self._rest.reset()
        foresight = self._board.foresights.newest()
        if status.state is not CommandState.FOLLOWING:
            self._action.forget()  # the arm does not follow the last chunk: nothing of it is committed
        if instruction is None or foresight is None:
            return None
        self._foresight_sequence = max(self._foresight_sequence, foresight.sequence)
        chunk = self._action.act(foresight.value, status.joints, instruction, t_now_ns)
        if chunk is not None:
            t_done_ns = time.monotonic_ns()
            self._action.latency.add(t_done_ns - t_now_ns)
            self._board.foresight_age.add(t_now_ns, chunk.foresight_age_ns)
            if self._feed is not None:
                self._feed.action(self._action, chunk, foresight.value, t_now_ns, t_done_ns)
        return chunk


def _from_rad(status: CommandStatus) -> JointVector:
    """Return the pose that a path may start from without a jump."""
    return status.commanded_rad if status.state in _COMMANDING else status.joints.position_rad
