"""What a person starts: it looks after the processes of one robot, shows how they are, and takes orders from the keyboard.

space   emergency stop          c    clear a fault or an emergency stop
1 .. 9  follow an instruction   0    follow nothing: the arm holds
q, Ctrl-C                       end: the policy, then the command process, then the recorder
"""

from __future__ import annotations

import select
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from interfaces.messages import CommandState
from interfaces.operator_wire import OperatorAnswer, OperatorOrder, Order
from interfaces.robot_config import RuntimeConfig
from runtime.child_process import ProcessPlan
from runtime.robot_watch import RobotWatch, view_line
from runtime.supervisor import Supervisor
from runtime.terminal import Keyboard, LiveLine

_TURN_S = 0.05
_ESTOP_PATIENCE_NS = 1_000_000_000  # for the command process to say that it stopped; it takes a period


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What to run, in the present working directory: the table of processes in the order of their start, and where they listen."""

    plans: Sequence[ProcessPlan]
    runtime: RuntimeConfig
    dry_run: bool


def run_robot(run: Run) -> int:
    """Run until asked to end, or until it cannot go on; return the exit status."""
    with LiveLine() as line, Keyboard(keep_interrupt=True) as keyboard:
        return _Running(run, line, keyboard).run()


class _Running:
    """The processes, what is known of them, and the person in front of them."""

    def __init__(self, run: Run, line: LiveLine, keyboard: Keyboard) -> None:
        self._run = run
        self._line = line
        self._keyboard = keyboard
        self._supervisor = Supervisor(run.plans, Path(), line.say)
        self._watch = RobotWatch(Path(run.runtime.operator_socket), Path(run.runtime.control_socket))
        self._instructions: list[str] = []
        self._t_estop_ns: int | None = None

    def run(self) -> int:
        """Turn until everything ended."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, _frame: self._supervisor.ask_to_stop(signal.Signals(number).name))
        try:
            self._supervisor.start(time.monotonic_ns())
            while not self._supervisor.finished:
                self._turn()
        finally:
            self._watch.close()
        return self._supervisor.status

    def _turn(self) -> None:
        keys_fd = self._keyboard.fd
        waited_for = [*self._supervisor.filenos, *([] if keys_fd is None else [keys_fd])]
        readable, _, _ = select.select(waited_for, (), (), _TURN_S)
        t_now_ns = time.monotonic_ns()
        if keys_fd in readable:  # first: one of them may be the emergency stop
            self._obey(self._keyboard.pressed(), t_now_ns)
        for answer in self._watch.turn(t_now_ns):
            self._heard(answer)
        self._supervisor.turn(t_now_ns)
        self._check_estop(t_now_ns)
        self._offer_instructions()
        self._line.show(view_line(self._watch.view, t_now_ns, dry_run=self._run.dry_run))

    def _obey(self, keys: bytes, t_now_ns: int) -> None:
        if not keys:
            self._supervisor.ask_to_stop("the terminal is gone")
        elif b" " in keys:
            self._stop_at_once(t_now_ns)
        elif b"q" in keys:
            self._supervisor.ask_to_stop("asked to end")
        elif b"c" in keys:
            self._watch.order(OperatorOrder(order=Order.CLEAR, why="cleared at the keyboard"))
        else:
            self._choose(keys[-1:], t_now_ns)

    def _stop_at_once(self, t_now_ns: int) -> None:
        self._t_estop_ns = self._t_estop_ns or t_now_ns
        if not self._watch.order(OperatorOrder(order=Order.ESTOP, why="the space bar")):
            self._t_estop_ns = None
            self._supervisor.ask_to_stop("no command process takes the emergency stop", 1)

    def _heard(self, answer: OperatorAnswer) -> None:
        if answer.state is CommandState.ESTOP:
            self._t_estop_ns = None
        if not answer.done:
            self._line.say(f"run: not cleared: {answer.text}")

    def _check_estop(self, t_now_ns: int) -> None:
        if self._t_estop_ns is not None and t_now_ns - self._t_estop_ns > _ESTOP_PATIENCE_NS:
            self._t_estop_ns = None
            self._supervisor.ask_to_stop("the command process does not answer the emergency stop", 1)

    def _choose(self, key: bytes, t_now_ns: int) -> None:
        if not key.isdigit() or int(key) > len(self._instructions):
            return
        chosen = self._instructions[int(key) - 1] if key != b"0" else None
        if not self._watch.follow(chosen, t_now_ns):
            self._line.say("run: no policy process to tell")

    def _offer_instructions(self) -> None:
        instructions = self._watch.view.policy.get("instructions")
        if not isinstance(instructions, list) or self._instructions:
            return
        self._instructions = [str(each) for each in instructions]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        if self._keyboard.fd is not None:
            offered = "  ".join(f"{number} {name}" for number, name in enumerate(self._instructions[:9], 1))
            self._line.say(f"run: keys: space EMERGENCY STOP  c clear  q end  {offered}  0 nothing")
