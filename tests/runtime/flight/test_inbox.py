"""Where the recorder hears: all that was sent, gaps counted, floods bounded, garbage passed on to be rejected."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interfaces.errors import RefusedError
from interfaces.flight import Line
from interfaces.flight_wire import decode_line, encode_line
from runtime.flight.feed import FlightFeed
from runtime.flight.inbox import Inbox, kind_of

PATIENCE_NS = 20_000_000_000


@pytest.fixture
def path() -> Iterator[Path]:
    """Return where to meet; pytest's own folders can be longer than a socket's path may be."""
    with tempfile.TemporaryDirectory(prefix="forerun") as folder:
        yield Path(folder) / "record.sock"


@pytest.fixture
def inbox(path: Path) -> Iterator[Inbox]:
    made = Inbox(path)
    yield made
    if made.alive:
        made.close()


def line(sequence: int) -> bytes:
    return encode_line(Line(sequence=sequence, t_ns=1, source="test", level=20, text=f"line {sequence}"))


def until(done: Callable[[], bool]) -> None:
    t_end_ns = time.monotonic_ns() + PATIENCE_NS
    while not done():
        assert time.monotonic_ns() < t_end_ns, "not in time"
        time.sleep(0.005)


def test_all_that_was_sent_comes_out_in_order(path: Path, inbox: Inbox) -> None:
    feed = FlightFeed(path)
    for sequence in range(1, 201):
        until(lambda sequence=sequence: feed.send(line(sequence), time.monotonic_ns()))
    feed.close()
    inbox.close()
    assert [decode_line(data).sequence for data in inbox.take()] == list(range(1, 201))
    assert inbox.received["line"] == 200
    assert not inbox.take()
    assert not path.exists()


def test_gaps_are_counted_for_each_sender(path: Path, inbox: Inbox) -> None:
    one, other = FlightFeed(path), FlightFeed(path)
    for feed, sequences in ((one, (11, 12, 15)), (other, (1, 3))):  # the first number is where the recorder came in
        for sequence in sequences:
            assert feed.send(line(sequence), 0)
    one.close()
    until(lambda: inbox.received["line"] == 5)
    again = FlightFeed(path)  # a process that starts again counts from the beginning
    assert again.send(line(1), 0)
    until(lambda: inbox.received["line"] == 6)
    assert inbox.dropped["line"] == 2 + 1


def test_what_nobody_takes_is_bounded_and_the_newest_kept(path: Path) -> None:
    inbox = Inbox(path, waiting_max_bytes=10 * len(line(1)))
    feed = FlightFeed(path)
    for sequence in range(1, 101):
        until(lambda sequence=sequence: feed.send(line(sequence), time.monotonic_ns()))
    until(lambda: inbox.received["line"] == 100)
    inbox.close()
    assert [decode_line(data).sequence for data in inbox.take()] == list(range(91, 101))
    assert inbox.overflowed == 90


def test_garbage_is_passed_on_and_not_counted(path: Path, inbox: Inbox) -> None:
    feed = FlightFeed(path)
    for data in (b"x", b"\0" * 100):
        assert feed.send(data, 0)
        assert kind_of(data) is None
    feed.close()
    inbox.close()
    assert list(inbox.take()) == [b"x", b"\0" * 100]
    assert not inbox.received


def test_there_is_one_recorder(path: Path, inbox: Inbox) -> None:
    with pytest.raises(RefusedError, match="another recorder"):
        Inbox(path)
    inbox.close()
    Inbox(path).close()
