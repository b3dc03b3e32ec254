"""A log to standard error that no reader can stop: lines that would have to wait are dropped, counted, and told of.

A pipe that nobody reads (a dead terminal, a stopped journal) would block whoever writes into it, for ever: a camera thread, and then
the robot. Only the last hop is guarded: what takes the line out of a pipe or file may do with it as it likes.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import threading

LINE_MAX_BYTES = 4096  # what a pipe that is writable takes at once, whole (PIPE_BUF)

_log = logging.getLogger(__name__)


class UnblockingStream:
    """Takes lines for a file descriptor, and writes each at once or not at all; for one thread at a time, as a log handler sees to."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._dropped = 0  # since the last line that got out

    def write(self, line: str) -> None:
        """Write a line, after one that tells how many were dropped before it."""
        told = f"({self._dropped} lines before this one found no reader)\n{line}" if self._dropped else line
        self._dropped = 0 if self._took(told.encode(errors="replace")) else self._dropped + 1

    def flush(self) -> None:
        """Nothing waits here."""

    def _took(self, data: bytes) -> bool:
        if len(data) > LINE_MAX_BYTES:
            data = data[: LINE_MAX_BYTES - 1] + b"\n"
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        with contextlib.suppress(OSError):  # nobody is there to read it
            return bool(poll.poll(0)) and os.write(self._fd, data) == len(data)
        return False


def log_to(fd: int, prefix: str) -> None:
    """Send the log of the process to a file descriptor, and what ends a thread that nobody expected."""
    handler = logging.StreamHandler(UnblockingStream(fd))
    handler.setFormatter(logging.Formatter(f"{prefix}: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.raiseExceptions = (
        False  # a line that cannot be formatted is lost: the complaint would be printed, and block
    )
    threading.excepthook = _log_end_of_thread


def _log_end_of_thread(end: threading.ExceptHookArgs, /) -> None:
    name = end.thread.name if end.thread else "unknown"
    error = end.exc_value or end.exc_type()
    where = (end.exc_type, error, end.exc_traceback)
    _log.error("the %s thread ended by a fault of the program: %r", name, error, exc_info=where)
