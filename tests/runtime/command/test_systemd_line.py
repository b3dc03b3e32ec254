"""What systemd hears of a loop, by a clock of our own."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from interfaces.messages import CommandState
from runtime.command.systemd_line import OPENING_S, SystemdLine
from runtime.service.notifier import Notifier

MS = 1_000_000
S = 1_000 * MS
BOOT, READY, FOLLOWING = CommandState.BOOT, CommandState.READY, CommandState.FOLLOWING


class Heard:
    """A line from a loop that begins at 0, and systemd's end of it."""

    def __init__(self, systemd: socket.socket, address: str) -> None:
        self._systemd = systemd
        self.line = SystemdLine(Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "500000"}), 0)

    def __call__(self) -> list[str]:
        messages: list[str] = []
        try:
            while True:
                messages.append(self._systemd.recv(4096).decode())
        except BlockingIOError:
            return [message for message in messages if message != "WATCHDOG=1"]


@pytest.fixture
def heard() -> Iterator[Heard]:
    """Return a line and what comes out of it, food for the watchdog left out."""
    with (
        tempfile.TemporaryDirectory(prefix="forerun") as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd,
    ):
        address = str(Path(folder) / "notify")
        systemd.bind(address)
        systemd.settimeout(0.0)
        yield Heard(systemd, address)


def test_ready_once_the_arm_is_held(heard: Heard) -> None:
    heard.line.completed(BOOT, "start", 100 * MS, armed=False)
    assert heard() == []
    heard.line.completed(READY, "armed", 200 * MS, armed=True)
    heard.line.completed(READY, "armed", 5000 * MS, armed=True)
    assert heard() == ["READY=1\nSTATUS=READY: armed"]


def test_ready_after_five_seconds_without_a_bus_and_it_says_why(heard: Heard) -> None:
    heard.line.completed(BOOT, "no cable", 4999 * MS, armed=False)
    assert heard() == []
    heard.line.completed(BOOT, "no cable", 5000 * MS, armed=False)
    assert heard() == ["READY=1\nSTATUS=BOOT, waiting for the bus: no cable"]


def test_the_status_is_told_when_it_changes_five_times_a_second_at_most_and_the_last_one_always(heard: Heard) -> None:
    heard.line.completed(READY, "armed", 0, armed=True)
    for k in range(100):
        state = FOLLOWING if k % 2 else READY
        heard.line.completed(state, "flapping", S + k * 10 * MS, armed=True)
    assert 2 <= len(heard()) <= 7
    for k in range(30):
        heard.line.completed(FOLLOWING, "chunk 12", 2 * S + k * 10 * MS, armed=True)
    assert heard() == ["STATUS=FOLLOWING: chunk 12"]


def test_a_bus_is_opened_with_patience(heard: Heard) -> None:
    with heard.line.opening_the_bus():
        assert heard() == [f"WATCHDOG_USEC={OPENING_S * 1e6:.0f}\nWATCHDOG=1"]
    assert heard() == ["WATCHDOG_USEC=500000\nWATCHDOG=1"]


def test_that_it_ends_is_told_once(heard: Heard) -> None:
    heard.line.stopping("asked to stop")
    heard.line.stopping("asked to stop")
    assert heard() == ["STOPPING=1\nSTATUS=asked to stop"]
