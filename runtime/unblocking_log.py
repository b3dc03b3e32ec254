"""A log to standard error, or with fields to the journal, that no reader can stop: what would have to wait is dropped, and told of.

A pipe that nobody reads (a dead terminal, a stopped journal) would block whoever writes into it, for ever: a camera thread, and then
the robot. Only the last hop is guarded: what takes the line out of a pipe or file may do with it as it likes.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import threading
import time
from collections.abc import Mapping

from runtime.service.journal import Journal
from runtime.service.line_bound import LineBound

LINE_MAX_BYTES = 4096  # what a pipe that is writable takes at once, whole (PIPE_BUF)

_log = logging.getLogger(__name__)


class UnblockingStream:
    """Takes lines for a file descriptor, and writes each at once or not at all; for one thread at a time, as a log handler sees to."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._dropped = 0  # since the last line that got out

    def write(self, line: str) -> None:
        """Write a line, after one that tells how many were dropped before it."""
        told = f"{_dropped_words(self._dropped)}\n{line}" if self._dropped else line
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


class BoundedHandler(logging.Handler):
    """Passes lines on to a stream, or to a journal where there is one, in bounded number."""

    def __init__(self, stream: UnblockingStream, prefix: str, journal: Journal) -> None:
        """`prefix` goes before each line of the stream; a journal names the process itself."""
        super().__init__()
        self._stream, self._prefix, self._journal = stream, prefix, journal
        self._bound = LineBound()
        self._dropped = 0  # lines that the journal did not take

    def emit(self, record: logging.LogRecord) -> None:  # pyright: ignore[reportImplicitOverride] - typing has it from 3.12 on
        """Say a record, at once or not at all."""
        try:
            for line in self._bound.pass_on(self.format(record), time.monotonic_ns()):
                self._say(line, record.levelno, fields_of(record))
        except Exception:  # noqa: BLE001 - a line that cannot be formatted must not end the thread that says it
            self.handleError(record)

    def close(self) -> None:  # pyright: ignore[reportImplicitOverride]
        """Say what is still to be told."""
        for line in self._bound.rest():
            self._say(line, logging.INFO, {})
        super().close()

    def _say(self, line: str, level: int, fields: Mapping[str, str]) -> None:
        if not self._journal.there:
            self._stream.write(f"{self._prefix}: {line}\n")
            return
        told = f"{_dropped_words(self._dropped)}\n{line}" if self._dropped else line
        self._dropped = 0 if self._journal.say(told[:LINE_MAX_BYTES], level, **fields) else self._dropped + 1


def fields_of(record: logging.LogRecord) -> dict[str, str]:
    """Return the fields of a record for the journal: who speaks, and what the call gave as `extra={"event": ..., "fault": ...}`."""
    source = record.name if record.threadName in {None, "MainThread"} else str(record.threadName)
    given = {key: str(value) for key, value in vars(record).items() if key in {"event", "fault", "instruction"}}
    return {"source": source, **given}


def log_to(fd: int, prefix: str, *, identifier: str = "", journal: Journal | None = None) -> None:
    """Send the log of the process to a file descriptor, and what ends a thread that nobody expected.

    Where the descriptor leads to systemd's journal, lines go there with their fields and priorities, under `identifier`.
    """
    handler = BoundedHandler(UnblockingStream(fd), prefix, journal or Journal(identifier or f"forerun-{prefix}", fd=fd))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logging.raiseExceptions = (
        False  # a line that cannot be formatted is lost: the complaint would be printed, and block
    )
    threading.excepthook = _log_end_of_thread


def _dropped_words(count: int) -> str:
    return f"({count} lines before this one found no reader)"


def _log_end_of_thread(end: threading.ExceptHookArgs, /) -> None:
    name = end.thread.name if end.thread else "unknown"
    error = end.exc_value or end.exc_type()
    where = (end.exc_type, error, end.exc_traceback)
    _log.error("the %s thread ended by a fault of the program: %r", name, error, exc_info=where)
