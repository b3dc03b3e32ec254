"""What a person sees of a running robot, and the orders they give: asked of command and policy process without ever waiting for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from interfaces.errors import DeviceError, RefusedError
from interfaces.messages import CommandState
from interfaces.operator_wire import OperatorAnswer, OperatorOrder, Order
from interfaces.request_socket import JsonObject, RequestClient
from runtime.operator_link import OperatorAsker
from runtime.policy.status_words import policy_words

_ASK_PAUSE_NS = 250_000_000
_PATIENCE_NS = 2_000_000_000  # with a process that was asked; then it is asked anew
_CONNECT_S = 0.2  # only a process that takes no connections at all lets it pass


@dataclass(slots=True)
class RobotView:
    """What the two processes said last, and when; nothing before they said anything."""

    answer: OperatorAnswer | None = None
    t_answer_ns: int = 0
    policy: JsonObject = field(default_factory=dict[str, object])
    t_policy_ns: int = 0


class RobotWatch:
    """Asks both processes a few times a second, and passes orders on at once."""

    def __init__(self, operator_socket: Path, control_socket: Path) -> None:
        """Remember where they listen; neither needs to be there yet."""
        self._operator_socket = operator_socket
        self._control_socket = control_socket
        self._asker: OperatorAsker | None = None
        self._policy: RequestClient | None = None
        self._t_asked_ns: int | None = None
        self._t_policy_asked_ns: int | None = None
        self.view = RobotView()

    def turn(self, t_now_ns: int) -> list[OperatorAnswer]:
        """Hear what came, ask again when it is time; return what the command process answered."""
        answers = self._hear_command(t_now_ns)
        self._hear_policy(t_now_ns)
        if self._t_asked_ns is None or t_now_ns - self._t_asked_ns >= _ASK_PAUSE_NS:
            self._t_asked_ns = t_now_ns
            self.order(OperatorOrder(order=Order.STATUS))
            if self._t_policy_asked_ns is None:
                self._ask_policy({"status": True}, t_now_ns)
        return answers

    def order(self, order: OperatorOrder) -> bool:
        """Give the command process an order at once; return whether it could be given."""
        try:
            self._asker = self._asker or OperatorAsker(self._operator_socket)
            self._asker.send(order)
        except DeviceError:
            self._leave_command()
            return False
        return True

    def follow(self, instruction: str | None, t_now_ns: int) -> bool:
        """Tell the policy what to follow; return whether it could be told."""
        return self._ask_policy({"follow": instruction}, t_now_ns)

    def close(self) -> None:
        """Hang up."""
        self._leave_command()
        self._leave_policy()

    def _hear_command(self, t_now_ns: int) -> list[OperatorAnswer]:
        answers: list[OperatorAnswer] = []
        try:
            while self._asker is not None and (answer := self._asker.receive(0.0)) is not None:
                answers.append(answer)
        except DeviceError:
            self._leave_command()
        if answers:
            self.view.answer, self.view.t_answer_ns = answers[-1], t_now_ns
        return answers

    def _hear_policy(self, t_now_ns: int) -> None:
        try:
            while self._policy is not None and self._policy.answered():
                reply = self._policy.receive()
                self._t_policy_asked_ns = None
                if "error" not in reply:
                    self.view.policy, self.view.t_policy_ns = reply, t_now_ns
        except RefusedError:
            self._leave_policy()
        if self._t_policy_asked_ns is not None and t_now_ns - self._t_policy_asked_ns > _PATIENCE_NS:
            self._leave_policy()

    def _ask_policy(self, request: JsonObject, t_now_ns: int) -> bool:
        try:
            self._policy = self._policy or RequestClient(self._control_socket, _CONNECT_S)
            self._policy.send(request)
        except RefusedError:
            self._leave_policy()
            return False
        self._t_policy_asked_ns = t_now_ns
        return True

    def _leave_command(self) -> None:
        if self._asker is not None:
            self._asker.close()
            self._asker = None

    def _leave_policy(self) -> None:
        self._t_policy_asked_ns = None
        self.view.policy = {}
        if self._policy is not None:
            self._policy.close()
            self._policy = None


def view_line(view: RobotView, t_now_ns: int, *, dry_run: bool) -> str:
    """Return a view in one line."""
    return " | ".join((*(["DRY RUN"] if dry_run else []), _command_words(view, t_now_ns), *policy_words(view.policy)))


def _command_words(view: RobotView, t_now_ns: int) -> str:
    if view.answer is None:
        return "the command process is not there yet"
    silent_ns = t_now_ns - view.t_answer_ns
    if silent_ns > 1_000_000_000:
        return f"THE COMMAND PROCESS HAS NOT ANSWERED FOR {silent_ns * 1e-9:.0f} s"
    state, why = view.answer.state, view.answer.text
    hint = "; c clears" if state in {CommandState.FAULT, CommandState.ESTOP} else ""
    return f"{state.name}: {why}{hint}" if why else state.name
