"""What people hear: in the journal with its fields, else at standard error; bounded, and never waited for."""

from __future__ import annotations

import logging
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench.service_rig import journal_entry
from interfaces.flight_wire import decode_line
from interfaces.messages import CommandState
from runtime.command.cycle_feed import CycleFeed
from runtime.command.voice import Voice, say
from runtime.flight.feed import FlightFeed
from runtime.service.journal import Journal
from runtime.service.line_bound import BURST

READY, FAULT, FOLLOWING, HOLDING = (
    CommandState.READY,
    CommandState.FAULT,
    CommandState.FOLLOWING,
    CommandState.HOLDING,
)


class Ears:
    """A voice, its journal and its recorder."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._journald = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self._journald.bind(str(folder / "journal"))
        self._journald.settimeout(0.0)
        self._recorder = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        self._recorder.bind(str(folder / "record"))
        self._recorder.listen(1)
        reading, writing = os.pipe()
        stack.callback(os.close, reading)
        stack.callback(os.close, writing)
        status = os.fstat(writing)
        stream = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        journal = Journal("forerun-command", stream, folder / "journal", writing)
        self.voice = Voice("arm", CycleFeed(FlightFeed(folder / "record"), 6), journal)

    def heard(self) -> list[dict[str, str]]:
        entries: list[dict[str, str]] = []
        try:
            while True:
                entries.append(journal_entry(self._journald.recv(65536)))
        except BlockingIOError:
            return entries

    def recorded(self) -> list[str]:
        connection, _ = self._recorder.accept()
        texts: list[str] = []
        with connection:
            connection.settimeout(0.0)
            try:
                while True:
                    texts.append(decode_line(connection.recv(65536)).text)
            except BlockingIOError:
                return texts


@pytest.fixture
def ears() -> Iterator[Ears]:
    """Return a voice that is heard."""
    with tempfile.TemporaryDirectory(prefix="forerun") as folder, ExitStack() as stack:
        yield Ears(Path(folder), stack)


def test_a_change_of_state_has_its_fields_and_a_fault_its_priority(ears: Ears) -> None:
    ears.voice.state(READY, FAULT, "the cable is out")
    (entry,) = ears.heard()
    assert entry == {
        "MESSAGE": "READY -> FAULT: the cable is out",
        "PRIORITY": "3",
        "SYSLOG_IDENTIFIER": "forerun-command",
        "FORERUN_ROBOT": "arm",
        "FORERUN_EVENT": "state",
        "FORERUN_STATE": "FAULT",
        "FORERUN_FROM": "READY",
        "FORERUN_WHY": "the cable is out",
    }


def test_another_reason_for_the_same_state_is_said_without_an_arrow(ears: Ears) -> None:
    ears.voice.state(FAULT, FAULT, "the bus is back")
    assert [entry["MESSAGE"] for entry in ears.heard()] == ["FAULT: the bus is back"]


def test_a_flood_is_bounded_and_told_hides_no_fault_and_is_recorded_whole(ears: Ears) -> None:
    n = 4 * BURST
    entries: list[dict[str, str]] = []
    for k in range(n):
        ears.voice.state(FOLLOWING, HOLDING, f"the chunk is {k} ms old")
        entries += ears.heard()  # the queue of a socket may be as short as ten
    ears.voice.state(HOLDING, FAULT, "the cable is out")
    ears.voice.close()
    messages = [entry["MESSAGE"] for entry in (*entries, *ears.heard())]
    assert BURST <= len(messages) <= 2 * BURST
    assert "HOLDING -> FAULT: the cable is out" in messages
    assert any("lines left out: too many at once" in message for message in messages)
    assert len(ears.recorded()) == n + 1


def test_what_happens_twice_is_said_twice(ears: Ears) -> None:
    for _ in range(2):
        ears.voice.state(READY, FAULT, "the cable is out")
        ears.voice.state(FAULT, READY, "cleared")
    assert [entry["MESSAGE"] for entry in ears.heard()] == [
        "READY -> FAULT: the cable is out",
        "FAULT -> READY: cleared",
    ] * 2


def test_without_a_journal_it_is_a_line_at_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="forerun") as folder:
        voice = Voice("arm", CycleFeed(FlightFeed(Path(folder) / "nobody"), 6), Journal("x", {}))
        voice.say("armed", logging.WARNING)
    assert capfd.readouterr().err == "command: armed\n"


def test_a_line_longer_than_a_pipe_takes_at_once_is_cut(capfd: pytest.CaptureFixture[str]) -> None:
    say("x" * 10_000)
    said = capfd.readouterr().err
    assert len(said) == 4096
    assert said.endswith("x\n")
