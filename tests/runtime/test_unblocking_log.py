"""The log that blocks nobody: real pipes, full ones, closed ones, and threads that go on."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import threading
from collections.abc import Iterator

import pytest

from runtime.unblocking_log import LINE_MAX_BYTES, UnblockingStream, log_to

PATIENCE_S = 30.0
PIPE_BYTES = 65536


class Pipe:
    """A pipe, and a stream that writes into it."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        fcntl.fcntl(self.reading, fcntl.F_SETFL, os.O_NONBLOCK)
        self.stream = UnblockingStream(self.writing)

    def read(self) -> list[str]:
        """Return the lines in it, up to as many as it holds."""
        with contextlib.suppress(BlockingIOError):
            return os.read(self.reading, 2 * PIPE_BYTES).decode().splitlines()
        return []

    def close(self) -> None:
        """Close both ends."""
        for fd in (self.reading, self.writing):
            with contextlib.suppress(OSError):  # the test closed it
                os.close(fd)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """A pipe."""
    pipe = Pipe()
    yield pipe
    pipe.close()


def test_lines_come_out_as_they_went_in(pipe: Pipe) -> None:
    pipe.stream.write("camera front: gone\n")
    pipe.stream.write("works again\n")
    assert pipe.read() == ["camera front: gone", "works again"]


def test_a_full_pipe_blocks_nobody_and_what_was_lost_is_told(pipe: Pipe) -> None:
    n_lines = 3000

    def write() -> None:
        for k in range(n_lines):
            pipe.stream.write(f"{k:05d} {'.' * 94}\n")

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    writer.join(PATIENCE_S)
    assert not writer.is_alive()
    first = pipe.read()
    # A pipe says that it is full when less than a page of it is free, and may waste the rest of each page.
    assert 0.8 * PIPE_BYTES / 101 < len(first) <= PIPE_BYTES / 101
    assert [int(line[:5]) for line in first] == list(range(len(first)))
    pipe.stream.write("heard again\n")
    assert pipe.read() == [f"({n_lines - len(first)} lines before this one found no reader)", "heard again"]
    pipe.stream.write("and on\n")
    assert pipe.read() == ["and on"]


def test_a_long_line_is_cut_to_what_a_pipe_takes_at_once(pipe: Pipe) -> None:
    pipe.stream.write("x" * 10**6 + "\n")
    assert [len(line) for line in pipe.read()] == [LINE_MAX_BYTES - 1]


def test_nobody_at_the_other_end_is_no_error(pipe: Pipe) -> None:
    os.close(pipe.reading)
    pipe.stream.write("into the void\n")
    os.close(pipe.writing)
    pipe.stream.write("nor that\n")


@pytest.fixture
def log(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> Iterator[logging.Logger]:
    """The log of the process, into the pipe; put back as it was afterwards."""
    for module, name in ((threading, "excepthook"), (logging, "raiseExceptions")):
        monkeypatch.setattr(module, name, getattr(module, name))
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    log_to(pipe.writing, "policy")
    yield root
    root.handlers = handlers
    root.setLevel(level)


def test_each_line_says_who_speaks_and_one_that_cannot_be_formatted_is_lost(pipe: Pipe, log: logging.Logger) -> None:
    log.info("follows %s", "push")
    log.error("%d", "no number")
    assert pipe.read() == ["policy: follows push"]


def test_a_thread_that_ends_by_a_fault_of_the_program_is_logged(pipe: Pipe, log: logging.Logger) -> None:
    assert log.handlers
    thread = threading.Thread(target=lambda: 1 // 0, name="camera")
    thread.start()
    thread.join()
    lines = pipe.read()
    fault = "ZeroDivisionError('integer division or modulo by zero')"
    assert lines[0] == f"policy: the camera thread ended by a fault of the program: {fault}"
    assert lines[-1].startswith("ZeroDivisionError")
