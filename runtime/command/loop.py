"""The loop of the command process: the same three things, period after period.

    listen      to the emergency stops, the operator, the policy
    exchange    the stage decides, the motors are told and measured
    tell        policy, recorder and people

It runs no second thread, waits for nobody but the clock and the bus, and outlives policy and bus.
"""

from __future__ import annotations

import gc
import logging
import signal
import time
from contextlib import AbstractContextManager
from pathlib import Path
from types import FrameType

from interfaces.messages import ActionChunk, CommandState, JointCommand, JointState, StageInput, StageInputKind
from interfaces.operator_wire import OperatorAnswer, OperatorOrder, Order
from interfaces.robot_config import RobotConfig
from interfaces.wire import CommandStatus
from runtime.command.cycle_feed import CycleFeed
from runtime.command.estop_inputs import EstopInputs
from runtime.command.guarded_arm import GuardedArm
from runtime.command.latch import Latch
from runtime.command.log import CommandLog, CycleTimes
from runtime.command.ordered_stop import OrderedStop
from runtime.command.realtime import RateKeeper, RealtimeReport, Tick
from runtime.command.reporter import Reporter
from runtime.command.stage import CommandStage
from runtime.command.systemd_line import SystemdLine
from runtime.command.voice import Voice
from runtime.link import CommandListener
from runtime.operator_link import OperatorListener
from runtime.service.notifier import Notifier

_LEAD_NS = 1_000_000  # to listen and decide before the beat; takes 0.15 to 0.4 ms, with a margin for slower cores
_ORDERS_MAX = 16  # obeyed in one period: no stop waits behind those who only ask


class CommandLoop:
    """Everything the command process owns, and what it does with it each period."""

    def __init__(
        self,
        config: RobotConfig,
        arm: GuardedArm,
        listener: CommandListener,
        feed: CycleFeed,
        log: CommandLog | None = None,
        *,
        dry_run: bool = False,
    ) -> None:
        """Set the loop up; raises RefusedError where an emergency stop or the operator's socket cannot be opened."""
        self._arm = arm
        self._listener = listener
        self._feed = feed
        self._log = log
        self._operator = OperatorListener(Path(config.runtime.operator_socket))
        self._estops = EstopInputs(config.runtime)
        self._latch = Latch(Path(f"{config.runtime.operator_socket}.latch"))
        self._stage = CommandStage(config)
        self._voice = Voice(config.name, feed)
        self._systemd = SystemdLine(Notifier(), time.monotonic_ns())
        self._reporter = Reporter(config, arm, self._stage, dry_run=dry_run)
        self._stop = OrderedStop(config.runtime.on_stop, dry_run=dry_run)
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

    def run(self) -> None:
        """Run until asked to stop, then bring the arm to rest; torque goes on holding it, unless the robot file says otherwise."""
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
        with self._systemd.ending():
            self._end()
            if not self._listener.handed_over:  # else a policy that goes on has systemd start the next one at once
                self._latch.forget()

    def ending(self) -> AbstractContextManager[None]:
        """Let nobody wait for periods any more, for as long as this lasts."""
        return self._systemd.ending()

    def close(self) -> None:
        """Let go of bus and sockets; torque stays as it is."""
        self._listener.close()
        self._operator.close()
        self._estops.close()
        self._latch.close()
        self._voice.close()
        self._feed.close()
        self._arm.close()

    def say(self, line: str, level: int = logging.INFO, *, event: str = "line") -> None:
        """Say one line to people, and to the recorder."""
        self._voice.say(line, level, event=event)

    def runs_under(self, realtime: RealtimeReport) -> None:
        """Note what the operating system gave, for whoever asks."""
        self._reporter.realtime = realtime

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
            if order.order is Order.REPORT:
                self._operator.reply(self._report())
            else:
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

    def _report(self) -> memoryview:
        return self._reporter.report(
            sequence=self._sequence,
            joints=self._joints,
            policy_connected=self._listener.connected,
            estop_pressed=self._pressed,
            t_now_ns=time.monotonic_ns(),
        )

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
            self.say(f"a message was rejected: {received.rejected}", logging.WARNING, event="rejected")
        if self._stop.ordered:
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
        self._note()

    def _note(self) -> None:
        """Note at once what must be known of a state that may be over before the period is, or in which the process may die."""
        self._latch.note(self._stage.state, self._stage.why)
        self._reporter.notice(time.monotonic_ns())

    # --- exchange

    def _exchange(self, tick: Tick, joints: JointState) -> None:
        """Decide before the beat, send on it: how long a decision takes does not shake the period."""
        command = self._stage.command(joints, max(tick.t_deadline_ns, time.monotonic_ns()))
        self._note()
        t_decided_ns = time.monotonic_ns()
        t_sent_ns = self._keeper.await_beat()
        measured = self._arm.exchange(command.position_rad)
        times = CycleTimes(t_decided_ns=t_decided_ns, t_sent_ns=t_sent_ns, t_done_ns=time.monotonic_ns())
        if measured is not None:
            self._joints = measured
        self._reporter.gauge.sent(tick.t_deadline_ns, t_sent_ns)
        self._reporter.gauge.missed += tick.missed
        if self._log is not None:
            self._log.cycle(tick, command, self._stage.chunk, measured or joints, times)
        self._tell(tick, joints, command, times)

    def _reopen(self, tick: Tick) -> None:
        if self._log is not None:
            self._log.idle(tick, self._stage.state)
        joints = None
        if self._arm.may_reopen(tick.t_woke_ns):
            with self._systemd.opening_the_bus():
                joints = self._arm.reopen(tick.t_woke_ns)
        if joints is not None:
            self._say_state()  # what was lost and is back within a period is news, too
            first = self._joints is None and self._stage.state is CommandState.BOOT
            self._take(StageInputKind.BEGIN if first else StageInputKind.BUS_BACK, joints=joints)
            stopped_before = self._latch.take_over()
            if stopped_before is not None:
                self._take(StageInputKind.ESTOP, why=stopped_before)
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
        self._tell_people(times.t_done_ns)

    def _tell_people(self, t_now_ns: int) -> None:
        self._say_state()
        self._say_lack()
        self._systemd.completed(self._stage.state, self._stage.why, t_now_ns, armed=self._joints is not None)

    def _say_state(self) -> None:
        state, why = self._stage.state, self._stage.why
        if (state, why) != self._said:
            before, _ = self._said
            self._voice.state(before, state, why)
            self._said = (state, why)

    def _say_lack(self) -> None:
        lack, self._latch.lack = self._latch.lack, None
        if lack is not None:
            self.say(lack, logging.WARNING, event="latch")

    # --- stop

    def _ask_to_stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stop.order(time.monotonic_ns())

    def _stopped(self) -> bool:
        if not self._stop.ordered:
            return False
        self._systemd.stopping("asked to stop")
        at_rest, t_now_ns = self._stage.at_rest, time.monotonic_ns()
        return self._arm.lost or self._stop.over(self._stage.state, self._joints, t_now_ns, at_rest=at_rest)

    def _end(self) -> None:
        """Do with torque what the robot file says, now that the arm is at rest or cannot be told anything."""
        what = self._stop.why_not_release(self._stage.state, lost=self._arm.lost)
        if what is None:
            failed = self._arm.release()
            what = (
                "torque is off: the arm is released" if failed is None else f"torque cannot be switched off: {failed}"
            )
        self.say(f"ended: {what}", event="ended")
