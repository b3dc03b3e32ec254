"""Lines with fields, as the journal gets them at a socket of ours; and no journal where standard error is something else."""

from __future__ import annotations

import logging
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bench.service_rig import journal_entry
from runtime.service.journal import Journal


@pytest.fixture
def path() -> Iterator[Path]:
    """Return where the journal listens."""
    with tempfile.TemporaryDirectory(prefix="forerun") as folder:
        yield Path(folder) / "journal"


@pytest.fixture
def journald(path: Path) -> Iterator[socket.socket]:
    """Return the journal's end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(path))
        made.settimeout(5.0)
        yield made


@pytest.fixture
def stream() -> Iterator[int]:
    """Return a stream of which systemd says that it leads to the journal."""
    reading, writing = os.pipe()
    yield writing
    os.close(reading)
    os.close(writing)


def named(fd: int) -> dict[str, str]:
    status = os.fstat(fd)
    return {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}


def entry(journald: socket.socket) -> dict[str, str]:
    return journal_entry(journald.recv(65536))


def test_a_line_has_its_fields(path: Path, journald: socket.socket, stream: int) -> None:
    journal = Journal("forerun-command", named(stream), path, stream)
    assert journal.there
    assert journal.say("READY -> FAULT: the cable", logging.ERROR, event="state", **{"from": "READY"})
    assert entry(journald) == {
        "MESSAGE": "READY -> FAULT: the cable",
        "PRIORITY": "3",
        "SYSLOG_IDENTIFIER": "forerun-command",
        "FORERUN_EVENT": "state",
        "FORERUN_FROM": "READY",
    }


LEVELS = [(logging.CRITICAL, "2"), (logging.ERROR, "3"), (logging.WARNING, "4"), (logging.INFO, "6"), (5, "7")]


@pytest.mark.parametrize(("level", "priority"), LEVELS)
def test_priorities(path: Path, journald: socket.socket, stream: int, level: int, priority: str) -> None:
    Journal("x", named(stream), path, stream).say("line", level)
    assert entry(journald)["PRIORITY"] == priority


@pytest.mark.parametrize(
    "text", ["two\nlines", "", "=", "\n", "PRIORITY=0\nMESSAGE=forged", "schön \udcff", "x" * 5000]
)
def test_any_text_is_one_field(path: Path, journald: socket.socket, stream: int, text: str) -> None:
    Journal("x", named(stream), path, stream).say(text, why=text)
    got = entry(journald)
    assert got["MESSAGE"] == got["FORERUN_WHY"] == text.encode(errors="replace").decode()
    assert got["PRIORITY"] == "6"


def test_a_standard_error_that_was_redirected_is_not_the_journals(path: Path, stream: int) -> None:
    elsewhere = {"JOURNAL_STREAM": "1:1"}
    for environment in ({}, elsewhere, {"JOURNAL_STREAM": "nonsense"}):
        journal = Journal("x", environment, path, stream)
        assert not journal.there
        assert not journal.say("line")


def test_a_journal_that_is_gone_or_full_is_not_waited_for(path: Path, stream: int) -> None:
    journal = Journal("x", named(stream), path, stream)
    assert not journal.say("nobody there")
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as deaf:
        deaf.bind(str(path))
        taken = 0
        while journal.say("x" * 1000):
            taken += 1
            assert taken < 100_000
