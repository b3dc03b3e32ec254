"""Orders that a person gives from another terminal than the robot's own: stop, stop at a key, clear, follow; and what became of each."""

from __future__ import annotations

import contextlib
import select
import signal
import sys
import time
from pathlib import Path

from interfaces.errors import DeviceError, RefusedError
from interfaces.messages import CommandState
from interfaces.operator_wire import OperatorAnswer, OperatorOrder, Order
from interfaces.request_socket import RequestClient
from runtime.operator_link import OperatorAsker, ask
from runtime.terminal import Keyboard, LiveLine

_LOOK_S = 0.5  # how often a waiting stop asks whether it would still be heard
_SILENT_NS = 1_500_000_000


def stop_now(socket: Path, why: str) -> int:
    """Stop the arm; return 0 when the command process says that it did, else 1."""
    return _give(socket, OperatorOrder(order=Order.ESTOP, why=why or "forerun estop"), "stopped", "NOT STOPPED")


def clear(socket: Path, why: str) -> int:
    """Clear a fault or an emergency stop; return 0 when that was done, else 1."""
    return _give(socket, OperatorOrder(order=Order.CLEAR, why=why or "forerun clear"), "cleared", "not cleared")


def follow(socket: Path, instruction: str | None) -> int:
    """Tell the policy process at `socket` what to follow; return 0 when it does, else 1."""
    try:
        with RequestClient(socket) as policy:
            reply = policy.request({"follow": instruction})
    except RefusedError as error:
        _say(f"not told: {error}")
        return 1
    if "error" in reply:
        _say(f"not followed: {reply['error']}")
        return 1
    state = reply.get("command_state") or "not heard yet: forerun status says why"
    _say(f"follows {reply.get('instruction') or 'nothing'}; the command process is {state}")
    return 0


def stop_at_key(socket: Path, why: str) -> int:
    """Wait for any key, Ctrl-C and the end of the terminal included, then stop the arm; return as `stop_now`.

    It says so when the command process cannot be reached any more, and goes on trying.
    """
    try:
        asker = OperatorAsker(socket)
    except DeviceError as error:
        _say(f"NOT READY: {error}")
        return 1
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a terminal that hangs up is the end of its keys, which stops
    with LiveLine() as line, Keyboard(keep_interrupt=False) as keyboard, contextlib.closing(asker):
        line.say("any key stops the robot, Ctrl-C too; `kill` ends this without a stop")
        _wait_for_key(line, sys.stdin.fileno() if keyboard.fd is None else keyboard.fd, asker)
    return stop_now(socket, why or "a key at forerun estop --key")


def _wait_for_key(line: LiveLine, keys_fd: int, asker: OperatorAsker) -> None:
    """Return at a key, or at the end of standard input; show the robot's state meanwhile."""
    t_heard_ns = time.monotonic_ns()
    while not select.select((keys_fd,), (), (), _LOOK_S)[0]:
        answer = _look(asker)
        if answer is not None:
            t_heard_ns = time.monotonic_ns()
            line.show(f"ready to stop | {answer.state.name}: {answer.text}")
        elif time.monotonic_ns() - t_heard_ns > _SILENT_NS:
            line.show("THE COMMAND PROCESS DOES NOT ANSWER: a key may not stop the robot\a")


def _look(asker: OperatorAsker) -> OperatorAnswer | None:
    """Return the newest answer, and ask again."""
    newest = None
    with contextlib.suppress(DeviceError):
        while (answer := asker.receive(0.0)) is not None:
            newest = answer
        asker.send(OperatorOrder(order=Order.STATUS))
    return newest


def _give(socket: Path, order: OperatorOrder, done: str, not_done: str) -> int:
    try:
        answer = ask(socket, order)
    except DeviceError as error:
        _say(f"{not_done}: {error}")
        return 1
    obeyed = answer.done and (order.order is not Order.ESTOP or answer.state is CommandState.ESTOP)
    _say(f"{done if obeyed else not_done}: {answer.state.name}: {answer.text}")
    return 0 if obeyed else 1


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
