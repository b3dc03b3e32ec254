"""What the command process says to people: one line per event, to the journal with its fields, or to standard error; never waited for.

`journalctl -u forerun-command FORERUN_EVENT=state` finds every change of state, FORERUN_STATE=FAULT every fault. The recorder hears
every line; people hear once of what repeats itself, and are told how often it did. A flood of lines hides no fault.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import sys
import time

from interfaces.messages import CommandState
from runtime.command.cycle_feed import CycleFeed
from runtime.service.journal import Journal
from runtime.service.line_bound import LineBound

_IDENTIFIER = "forerun-command"
_LINE_MAX_BYTES = 4096  # what a pipe that is writable takes at once, whole (PIPE_BUF)
_ALARMING = {CommandState.FAULT: logging.ERROR, CommandState.ESTOP: logging.ERROR}


class Voice:
    """The mouth of the loop of one robot."""

    def __init__(self, robot: str, feed: CycleFeed, journal: Journal | None = None) -> None:
        """Say what there is to say of `robot`, to people and to the recorder behind `feed`."""
        self._robot = robot
        self._feed = feed
        self._journal = journal or Journal(_IDENTIFIER)
        self._bound = LineBound()

    def say(self, line: str, level: int = logging.INFO, *, event: str = "line", **fields: str) -> None:
        """Say one line to people and to the recorder; `fields` are for the journal."""
        t_now_ns = time.monotonic_ns()
        self._feed.line(line, level, t_now_ns)
        for told in self._bound.pass_on(line, t_now_ns, urgent=level >= logging.ERROR):
            if told == line:
                self._out(line, level, event=event, **fields)
            else:
                self._out(told, level, event="repeated")

    def state(self, before: CommandState, state: CommandState, why: str) -> None:
        """Say that the state changed, or why it is the same."""
        change = state.name if state is before else f"{before.name} -> {state.name}"
        names = {"state": state.name, "from": before.name, "why": why}
        self.say(f"{change}: {why}", _ALARMING.get(state, logging.INFO), event="state", **names)

    def close(self) -> None:
        """Say what was held back; nothing more is going to be said."""
        for line in self._bound.rest():
            self._out(line, logging.INFO, event="repeated")

    def _out(self, line: str, level: int, **fields: str) -> None:
        if not self._journal.say(line, level, robot=self._robot, **fields):
            say(line)


def say_refused(line: str) -> None:
    """Say why there is no loop at all: to the journal, or to standard error."""
    if not Journal(_IDENTIFIER).say(line, logging.ERROR, event="refused"):
        say(line)


def say(line: str) -> None:
    """Write one line for people to standard error, unless that would block, or nobody is there to read it."""
    data = f"command: {line}\n".encode(errors="replace")
    if len(data) > _LINE_MAX_BYTES:
        data = data[: _LINE_MAX_BYTES - 1] + b"\n"
    with contextlib.suppress(OSError, ValueError, AttributeError):  # gone, closed, or never there
        poll = select.poll()
        poll.register(sys.stderr.fileno(), select.POLLOUT)
        if poll.poll(0):
            os.write(sys.stderr.fileno(), data)
