"""The log where there is a journal: entries with fields and priorities, in bounded number, and nobody waits for a journal that hangs."""

import logging
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bench.service_rig import journal_entry
from runtime.policy.board import PolicyBoard
from runtime.service.journal import Journal
from runtime.unblocking_log import LINE_MAX_BYTES, BoundedHandler, UnblockingStream


class JournalEnd:
    """The journal's end of its socket, and a pipe that it reads as somebody's standard error."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "journal"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._socket.settimeout(0)
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.reading, False)

    def journal(self) -> Journal:
        status = os.fstat(self.writing)
        stream = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        return Journal("forerun-policy", stream, self.path, self.writing)

    def entries(self) -> list[dict[str, str]]:
        """Return what came."""
        found: list[dict[str, str]] = []
        with suppress(BlockingIOError):
            while True:
                found.append(journal_entry(self._socket.recv(1 << 20)))
        return found

    def lines(self) -> bytes:
        """Return what was written to standard error instead."""
        with suppress(BlockingIOError):
            return os.read(self.reading, 1 << 16)
        return b""

    def close(self) -> None:
        self._socket.close()
        os.close(self.reading)
        os.close(self.writing)


@pytest.fixture
def end() -> Iterator[JournalEnd]:
    with tempfile.TemporaryDirectory(prefix="forerun") as name:
        end = JournalEnd(Path(name))
        yield end
        end.close()


@pytest.fixture
def handler(end: JournalEnd) -> Iterator[BoundedHandler]:
    """The handler of a process under systemd, on the log of the runtime."""
    handler = BoundedHandler(UnblockingStream(end.writing), "policy", end.journal())
    log = logging.getLogger("runtime")
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield handler
    log.removeHandler(handler)
    log.setLevel(level)


def record(text: str, level: int, *values: object) -> logging.LogRecord:
    return logging.LogRecord("runtime.test", level, "", 0, text, values, None)


def texts(entries: list[dict[str, str]]) -> list[str]:
    return [entry["MESSAGE"] for entry in entries]


def test_a_fault_has_its_fields_and_priority(end: JournalEnd, handler: BoundedHandler) -> None:
    assert handler.level == logging.NOTSET
    board = PolicyBoard()
    thread = threading.Thread(target=board.fault, args=("camera front", "unplugged"), name="camera front")
    thread.start()
    thread.join()
    board.over("camera front")
    fault, over = end.entries()
    assert fault == {
        "MESSAGE": "camera front: unplugged",
        "PRIORITY": "3",
        "SYSLOG_IDENTIFIER": "forerun-policy",
        "FORERUN_SOURCE": "camera front",
        "FORERUN_EVENT": "fault",
        "FORERUN_FAULT": "camera front",
    }
    assert (over["PRIORITY"], over["FORERUN_EVENT"], over["FORERUN_SOURCE"]) == ("4", "over", "runtime.policy.board")
    assert end.lines() == b""  # once, not twice


def test_every_level_has_its_priority(end: JournalEnd, handler: BoundedHandler) -> None:
    log = logging.getLogger("runtime.test")
    for level in (logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        log.log(level, "level %d", level)
    assert [entry["PRIORITY"] for entry in end.entries()] == ["6", "4", "3", "2"]
    handler.close()
    assert end.entries() == []


def test_a_line_of_many_lines_is_one_entry(end: JournalEnd, handler: BoundedHandler) -> None:
    handler.emit(record("one\ntwo=2\nthree", logging.ERROR))
    handler.emit(record("x" * 10**6, logging.INFO))
    whole, cut = end.entries()
    assert whole["MESSAGE"] == "one\ntwo=2\nthree"
    assert len(cut["MESSAGE"]) == LINE_MAX_BYTES


def test_what_repeats_is_counted_and_told_at_the_end(end: JournalEnd, handler: BoundedHandler) -> None:
    for _ in range(500):
        logging.getLogger("runtime.test").warning("again")
    handler.close()
    assert texts(end.entries()) == ["again", "(the line before this one, 499 more times)"]


def test_a_journal_that_hangs_blocks_nobody_and_what_was_lost_is_told(
    end: JournalEnd, handler: BoundedHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.service.line_bound.BURST", 10**6)
    n_lines = 3000

    def write() -> None:
        for number in range(n_lines):
            handler.emit(record(f"{number} {'.' * 200}", logging.INFO))

    handler = BoundedHandler(UnblockingStream(end.writing), "policy", end.journal())
    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    writer.join(30)
    assert not writer.is_alive()
    taken = len(end.entries())  # as many as the kernel queues for a socket that nobody reads
    assert 0 < taken < n_lines
    handler.emit(record("heard again", logging.INFO))
    assert texts(end.entries()) == [f"({n_lines - taken} lines before this one found no reader)\nheard again"]


def test_a_journal_that_is_gone_is_no_error(end: JournalEnd, handler: BoundedHandler) -> None:
    end.path.unlink()
    handler.emit(record("into the void", logging.ERROR))
    assert end.entries() == []


def test_a_record_that_cannot_be_formatted_is_lost(
    end: JournalEnd, handler: BoundedHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)  # as log_to does
    handler.emit(record("%d", logging.INFO, "no number"))
    handler.emit(record("after it", logging.INFO))
    assert texts(end.entries()) == ["after it"]
