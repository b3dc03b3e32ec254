"""The loop of the command process: the same three things, period after period.

    listen      to the emergency stops, the operator, the policy
    exchange    the stage decides, the motors are told and measured
    tell        policy, recorder and people

It runs no second thread, waits for nobody but the clock and the bus, and outlives policy and bus.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import select
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from interfaces.messages import ActionChunk, CommandState, JointCommand, JointState, StageInput, StageInputKind
from interfaces.operator_wire import OperatorAnswer, OperatorOrder, Order
from interfaces.robot_config import RobotConfig
from interfaces.wire import CommandStatus
from runtime.command.cycle_feed import CycleFeed
from runtime.command.estop_inputs import EstopInputs
from runtime.command.guarded_arm import GuardedArm
from runtime.command.log import CommandLog, CycleTimes
from runtime.command.realtime import RateKeeper, Tick
from runtime.command.stage import CommandStage
from runtime.link import CommandListener
from runtime.operator_link import OperatorListener

_LEAD_NS = 1_000_000  # to listen and decide before the beat; takes 0.15 to 0.4 ms, with a margin for slower cores
_ORDERS_MAX = 16  # obeyed in one period: no stop waits behind those who only ask
_STOP_MAX_NS = 2_000_000_000  # to come to rest when asked to stop; braking from full speed takes a tenth of it


class CommandLoop:
    """Everything the command process owns, and what it does with it each period."""

    def __init__(
        self,
        config: RobotConfig,
        arm: GuardedArm,
        listener: CommandListener,
        feed: CycleFeed,
        log: CommandLog | None = None,
    ) -> None:
        """Set the loop up; raises RefusedError where an emergency stop or the operator's socket cannot be opened."""
        self._arm = arm
        self._listener = listener
        self._feed = feed
        self._log = log
        self._operator = OperatorListener(Path(config.runtime.operator_socket))
        self._estops = EstopInputs(config.runtime)
        self._stage = CommandStage(config)
        self._keeper = RateKeeper(config.arm.period_ns, lead_ns=min(_LEAD_NS, config.arm.period_ns // 4))
        self._period_ns = config.arm.period_ns
        self._stall_max_ns = round(config.runtime.stall_max_ms * 1e6)
        self._joints: JointState | None = None
        self._sequence = 0
        self._told: list[StageInput] = []
        self._taken: ActionChunk | None = (
            None  # in this period, and not recorded yet: that can wait until the beat is over
        )
        self._said = (self._stage.state, self._stage.why)
        self._rejected: str | None = None
        self._pressed: str | None = None
        self._t_stop_ns: int | None = None

    def run(self) -> None:
        """Run until asked to stop, then bring the arm to rest; torque goes on holding it."""
        for asked in (signal.SIGTERM, signal.SIGINT):
            signal.signal(asked, self._ask_to_stop)
        self._keeper.restart()
        while not self._stopped():
            tick = self._keeper.wait()
            self._told.clear()
            if self._arm.lost:
                self._take(StageInputKind.BUS_LOST, why=self._arm.fault)
            self._listen(tick)
            if self._arm.lost or self._joints is None:
                self._reopen(tick)
            else:
                self._exchange(tick, self._joints)

    def close(self) -> None:
        """Let go of bus and sockets; torque stays as it is."""
        self._listener.close()
        self._operator.close()
        self._estops.close()
        self._feed.close()
        self._arm.close()

    def say(self, line: str, level: int = logging.INFO) -> None:
        """Say one line to people, and to the recorder."""
        say(line)
        self._feed.line(line, level, time.monotonic_ns())

    # --- listen

    def _listen(self, tick: Tick) -> None:
        if tick.missed * self._period_ns > self._stall_max_ns:
            self._take(StageInputKind.STALLED, why=f"stood still for {tick.missed * self._period_ns / 1e6:.0f} ms")
        self._pressed = self._estops.pressed()
        if self._pressed is not None:
            self._take(StageInputKind.ESTOP, why=self._pressed)
        for _ in range(_ORDERS_MAX):
            order = self._operator.receive()
            if order is None:
                break
            self._operator.answer(self._obey(order))
        self._hear_policy()

    def _obey(self, order: OperatorOrder) -> OperatorAnswer:
        refused = None
        if order.order is Order.ESTOP:
            self._take(StageInputKind.ESTOP, why=order.why or "asked by a person")
        elif order.order is Order.CLEAR:
            refused = self._why_not_clear()
            if refused is None:
                self._take(StageInputKind.CLEAR, why=order.why)
        state = self._stage.state
        return OperatorAnswer(done=refused is None, state=state, text=refused or self._stage.why)

    def _why_not_clear(self) -> str | None:
        if self._stage.state not in {CommandState.FAULT, CommandState.ESTOP}:
            return f"there is nothing to clear: {self._stage.state.name}"
        if self._pressed is not None:
            return f"the emergency stop is still pressed: {self._pressed}"
        if self._arm.lost:
            return f"the bus is still lost: {self._arm.fault}"
        return None

    def _hear_policy(self) -> None:
        received = self._listener.receive()
        if received.gone:
            self._take(StageInputKind.POLICY_GONE, why="the policy is gone")
        if received.rejected is not None and received.rejected != self._rejected:
            self._rejected = received.rejected
            self.say(f"a message was rejected: {received.rejected}", logging.WARNING)
        if self._t_stop_ns is not None:
            if self._stage.state is CommandState.FOLLOWING:
                self._take(StageInputKind.POLICY_GONE, why="asked to stop")
        elif received.chunk is not None:
            self._taken = received.chunk
            self._take(StageInputKind.CHUNK, chunk=received.chunk)

    def _take(
        self,
        kind: StageInputKind,
        *,
        why: str = "",
        chunk: ActionChunk | None = None,
        joints: JointState | None = None,
    ) -> None:
        """Tell the stage, and note what it was told, for the record."""
        sequence = 0 if chunk is None else chunk.sequence
        told = StageInput(kind=kind, t_ns=time.monotonic_ns(), why=why, chunk_sequence=sequence, chunk=chunk)
        self._stage.take(told, joints)
        self._told.append(told)

    # --- exchange

    def _exchange(self, tick: Tick, joints: JointState) -> None:
        """Decide before the beat, send on it: how long a decision takes does not shake the period."""
        command = self._stage.command(joints, max(tick.t_deadline_ns, time.monotonic_ns()))
        t_decided_ns = time.monotonic_ns()
        t_sent_ns = self._keeper.await_beat()
        measured = self._arm.exchange(command.position_rad)
        times = CycleTimes(t_decided_ns=t_decided_ns, t_sent_ns=t_sent_ns, t_done_ns=time.monotonic_ns())
        if measured is not None:
            self._joints = measured
        if self._log is not None:
            self._log.cycle(tick, command, self._stage.chunk, measured or joints, times)
        self._tell(tick, joints, command, times)

    def _reopen(self, tick: Tick) -> None:
        if self._log is not None:
            self._log.idle(tick, self._stage.state)
        joints = self._arm.reopen(tick.t_woke_ns)
        if joints is not None:
            first = self._joints is None and self._stage.state is CommandState.BOOT
            self._take(StageInputKind.BEGIN if first else StageInputKind.BUS_BACK, joints=joints)
            self._joints = joints
            gc.collect()
        t_now_ns = time.monotonic_ns()
        self._tell(tick, joints, None, CycleTimes(t_decided_ns=t_now_ns, t_sent_ns=0, t_done_ns=t_now_ns))
        if joints is not None:
            self._keeper.restart()

    # --- tell

    def _tell(self, tick: Tick, joints: JointState | None, command: JointCommand | None, times: CycleTimes) -> None:
        self._sequence += 1
        if self._joints is not None:
            status = CommandStatus(
                sequence=self._sequence,
                state=self._stage.state,
                joints=self._joints,
                commanded_rad=self._stage.commanded_rad,
            )
            self._listener.send_status(status)
        if self._taken is not None:
            self._feed.chunk(self._taken, times.t_done_ns)
            self._taken = None
        self._feed.cycle(tick, self._stage, joints, command, self._told, times)
        now = (self._stage.state, self._stage.why)
        if now != self._said:
            level = logging.ERROR if now[0] in {CommandState.FAULT, CommandState.ESTOP} else logging.INFO
            change = now[0].name if now[0] is self._said[0] else f"{self._said[0].name} -> {now[0].name}"
            self.say(f"{change}: {now[1]}", level)
            self._said = now

    # --- stop

    def _ask_to_stop(self, _signal: int, _frame: FrameType | None) -> None:
        if self._t_stop_ns is None:
            self._t_stop_ns = time.monotonic_ns()

    def _stopped(self) -> bool:
        if self._t_stop_ns is None:
            return False
        held = self._stage.state is not CommandState.FOLLOWING and self._stage.at_rest
        return held or self._arm.lost or time.monotonic_ns() - self._t_stop_ns > _STOP_MAX_NS


def say(line: str) -> None:
    """Write one line for people to standard error, unless that would block, or nobody is there to read it."""
    with contextlib.suppress(OSError):
        _, writable, _ = select.select((), (sys.stderr.fileno(),), (), 0)
        if writable:
            os.write(sys.stderr.fileno(), f"command: {line}\n".encode())
