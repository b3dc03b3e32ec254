"""`forerun top`: a robot live in the terminal. It looks, and no key but the space bar does anything to the robot.

Own drawing instead of a library's: two dozen lines of text that are written over each other need none, and a robot has none.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import sys
from pathlib import Path
from types import TracebackType

from interfaces.errors import DeviceError, RefusedError
from interfaces.messages import CommandState
from interfaces.operator_wire import OperatorOrder, Order
from runtime.operator_link import ask
from runtime.status.gather import RobotPlace
from runtime.status.poller import Poller
from runtime.status.screen import Paper, screen_lines
from runtime.terminal import Keyboard

_TURN_S = 0.25
_ESTOP_PATIENCE_S = 1.0  # the command process stops within a period
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"  # another screen without a cursor, and back


def show(place: RobotPlace) -> int:
    """Show the robot until q or Ctrl-C; return 0, or 1 when the terminal went or the looking ended.

    Raises RefusedError where there is no terminal.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise RefusedError("it draws on a terminal, and there is none; forerun status says the same once")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))  # through what puts the terminal back
    with Poller(place) as poller, Keyboard(keep_interrupt=True) as keyboard, _Screen() as screen:
        try:
            return _Showing(poller, place, keyboard, screen).run()
        except KeyboardInterrupt:
            return 0


class _Showing:
    """What is seen, and the person in front of it."""

    def __init__(self, poller: Poller, place: RobotPlace, keyboard: Keyboard, screen: _Screen) -> None:
        self._poller = poller
        self._operator = place.folder / poller.robot.runtime.operator_socket
        self._keyboard = keyboard
        self._screen = screen
        self._note = ""

    def run(self) -> int:
        """Draw and obey until asked to end."""
        while self._poller.alive:
            self._screen.draw(screen_lines(self._poller.seen, self._screen.paper(), self._note))
            if self._keyboard.fd is None:
                return 1
            readable, _, _ = select.select((self._keyboard.fd,), (), (), _TURN_S)
            if readable:
                keys = self._keyboard.pressed()
                if b" " in keys:  # before anything else that was pressed
                    self._note = _stopped(self._operator)
                elif b"q" in keys:
                    return 0
        return 1


def _stopped(operator_socket: Path) -> str:
    """Stop the arm; return what became of it."""
    try:
        answer = ask(
            operator_socket, OperatorOrder(order=Order.ESTOP, why="the space bar of forerun top"), _ESTOP_PATIENCE_S
        )
    except DeviceError as error:
        return f"NOT STOPPED: {error}\a"
    return "stopped; forerun clear" if answer.state is CommandState.ESTOP else f"NOT STOPPED: {answer.state.name}\a"


class _Screen:
    """The terminal's other screen; a context manager that puts back the one before."""

    def __enter__(self) -> _Screen:
        _write(_ENTER)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        _write(_LEAVE)

    def paper(self) -> Paper:
        """Return what there is to draw on now: a window may change."""
        size = shutil.get_terminal_size()
        unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
        return Paper(columns=size.columns, rows=max(4, size.lines), unicode=unicode)

    def draw(self, lines: list[str]) -> None:
        """Write lines over what was there."""
        _write("\x1b[H" + "\x1b[K\r\n".join(lines) + "\x1b[K\x1b[J")


def _write(text: str) -> None:
    with contextlib.suppress(OSError):  # the terminal is gone: the keyboard will tell
        os.write(sys.stdout.fileno(), text.encode(errors="replace"))
