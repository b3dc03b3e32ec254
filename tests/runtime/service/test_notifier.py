"""What systemd hears, at a socket of our own: each message once, none ever waited for, the watchdog no more often than it wants."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from runtime.service.notifier import Notifier

MS = 1_000_000


class Systemd:
    """The other end."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.settimeout(0.0)

    def heard(self) -> list[str]:
        messages: list[str] = []
        try:
            while True:
                messages.append(self.socket.recv(4096).decode())
        except BlockingIOError:
            return messages


@pytest.fixture
def address() -> Iterator[str]:
    """Return where systemd listens."""
    with tempfile.TemporaryDirectory(prefix="forerun") as folder:
        yield str(Path(folder) / "notify")


@pytest.fixture
def systemd(address: str) -> Iterator[Systemd]:
    """Return systemd's end."""
    made = Systemd(address)
    with closing(made.socket):
        yield made


def watched(address: str, **environment: str) -> Notifier:
    return Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "500000", **environment})


def test_ready_how_it_is_and_stopping(address: str, systemd: Systemd) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": address})
    assert notifier.ready("READY:\n armed")
    assert notifier.status("FOLLOWING: chunk 12")
    assert notifier.stopping("asked to stop")
    assert systemd.heard() == [
        "READY=1\nSTATUS=READY: armed",
        "STATUS=FOLLOWING: chunk 12",
        "STOPPING=1\nSTATUS=asked to stop",
    ]


def test_an_address_without_a_file() -> None:
    address = f"@forerun-test-{os.getpid()}"
    systemd = Systemd(address)
    with closing(systemd.socket):
        assert Notifier({"NOTIFY_SOCKET": address}).ready("here")
        assert systemd.heard() == ["READY=1\nSTATUS=here"]


def test_the_watchdog_is_fed_four_times_in_its_time_however_often_progress_is_made(
    address: str, systemd: Systemd
) -> None:
    notifier = watched(address)
    for t_ms in range(0, 1000, 10):
        notifier.progress(t_ms * MS)
    assert systemd.heard() == ["WATCHDOG=1"] * 8


def test_without_progress_there_is_no_food(address: str, systemd: Systemd) -> None:
    notifier = watched(address)
    notifier.progress(0)
    notifier.status("still here")
    assert systemd.heard() == ["WATCHDOG=1", "STATUS=still here"]


def test_patience_lasts_until_it_is_over_and_then_the_units_own_time_is_back(address: str, systemd: Systemd) -> None:
    notifier = watched(address)
    notifier.progress(0)
    with notifier.patient(30.0):
        assert notifier.feed_ns == 7500 * MS
    assert notifier.feed_ns == 125 * MS
    notifier.progress(1)
    long, usual = "WATCHDOG_USEC=30000000\nWATCHDOG=1", "WATCHDOG_USEC=500000\nWATCHDOG=1"
    assert systemd.heard() == ["WATCHDOG=1", long, usual, "WATCHDOG=1"]


def test_patience_is_over_also_where_what_it_was_for_failed(address: str, systemd: Systemd) -> None:
    notifier = watched(address)
    with pytest.raises(OSError, match="no bus"), notifier.patient(30.0):
        raise OSError("no bus")
    assert systemd.heard()[-1] == "WATCHDOG_USEC=500000\nWATCHDOG=1"


def test_patience_is_never_less_than_usual(address: str, systemd: Systemd) -> None:
    with watched(address).patient(0.1):
        assert systemd.heard() == ["WATCHDOG_USEC=500000\nWATCHDOG=1"]


NOBODY_WATCHES: list[Callable[[str], Notifier]] = [
    lambda address: Notifier({"NOTIFY_SOCKET": address}),
    lambda address: watched(address, WATCHDOG_USEC="0"),
    lambda address: watched(address, WATCHDOG_USEC="soon"),
    lambda address: watched(address, WATCHDOG_PID=str(os.getpid() + 1)),
]


@pytest.mark.parametrize("make", NOBODY_WATCHES)
def test_where_nobody_watches_this_process_there_is_no_food(
    address: str, systemd: Systemd, make: Callable[[str], Notifier]
) -> None:
    notifier = make(address)
    notifier.progress(0)
    notifier.patience(1.0)
    notifier.usual()
    assert notifier.feed_ns is None
    assert systemd.heard() == []


def test_without_systemd_nothing_happens_and_nothing_is_to_be_told_again() -> None:
    notifier = Notifier({})
    assert notifier.ready("here")
    notifier.progress(0)
    assert notifier.status("there")


def test_what_a_busy_systemd_does_not_take_is_known_and_told_again(address: str, systemd: Systemd) -> None:
    notifier = watched(address)
    full = 0
    while notifier.status("x" * 100):
        full += 1
        assert full < 100_000
    assert not notifier.ready("here")
    notifier.progress(0)
    assert set(systemd.heard()) == {"STATUS=" + "x" * 100}
    notifier.progress(1)  # not only when it is time again: the last one got lost
    assert notifier.ready("here")
    assert systemd.heard() == ["WATCHDOG=1", "READY=1\nSTATUS=here"]


def test_a_systemd_that_is_gone_is_survived(address: str) -> None:
    notifier = watched(address)
    notifier.progress(0)
    assert not notifier.ready("here")


def test_a_change_of_the_watchdogs_time_that_systemd_was_too_busy_for_is_told_with_the_next_food(
    address: str, systemd: Systemd
) -> None:
    notifier = watched(address)
    n_taken = 0
    while notifier.status("busy"):
        n_taken += 1
    notifier.usual()  # else a patience of 30 s would stay for ever: a hang that nobody ends
    assert systemd.heard() == ["STATUS=busy"] * n_taken
    notifier.progress(0)
    notifier.progress(125 * MS)
    assert systemd.heard() == ["WATCHDOG_USEC=500000\nWATCHDOG=1", "WATCHDOG=1"]
