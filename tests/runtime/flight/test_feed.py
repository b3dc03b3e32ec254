"""The feed over real sockets: what cannot be sent at once is dropped and counted, and nobody ever waits."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from interfaces.flight_wire import MAX_MESSAGE
from runtime.flight.feed import FlightFeed

HALF_A_SECOND_NS = 500_000_000
PATIENCE_S = 20.0
MANY = 20_000  # messages of 3 kB: far more than any socket holds

LISTENER = """
import socket, sys
listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listening.bind(sys.argv[1])
listening.listen(4)
sender, _ = listening.accept()
print(sender.recv(65536), flush=True)
while sender.recv(65536):
    pass
"""


@pytest.fixture
def path() -> Iterator[Path]:
    """Return where to meet; pytest's own folders can be longer than a socket's path may be."""
    with tempfile.TemporaryDirectory(prefix="forerun") as folder:
        yield Path(folder) / "record.sock"


@pytest.fixture
def feed(path: Path) -> Iterator[FlightFeed]:
    made = FlightFeed(path)
    yield made
    made.close()


def listen(path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listening.bind(str(path))
    listening.listen(4)
    listening.settimeout(PATIENCE_S)
    return listening


def accept(listening: socket.socket) -> socket.socket:
    sender, _ = listening.accept()
    sender.settimeout(PATIENCE_S)
    return sender


def test_messages_arrive_whole_and_in_order(path: Path, feed: FlightFeed) -> None:
    with listen(path) as listening:
        for data in (b"one", bytearray(b"two"), memoryview(b"three")):
            assert feed.send(data, 0)
        with accept(listening) as sender:
            assert [sender.recv(100) for _ in range(3)] == [b"one", b"two", b"three"]
            feed.close()
            assert sender.recv(100) == b""
    assert feed.dropped == 0


def test_with_nobody_there_all_is_dropped_and_counted(feed: FlightFeed) -> None:
    assert [feed.send(b"x", t_now_ns) for t_now_ns in range(5)] == [False] * 5
    assert feed.dropped == 5


def test_the_recorder_is_looked_for_every_half_second_and_no_more(path: Path, feed: FlightFeed) -> None:
    t_first_ns = 1_000
    assert not feed.send(b"x", t_first_ns)
    with listen(path) as listening:
        assert not feed.send(b"x", t_first_ns + HALF_A_SECOND_NS - 1)
        assert feed.send(b"late", t_first_ns + HALF_A_SECOND_NS)
        with accept(listening) as sender:
            assert sender.recv(100) == b"late"


def test_a_new_recorder_is_found_after_the_old_one_died(path: Path, feed: FlightFeed) -> None:
    with listen(path) as listening:
        assert feed.send(b"to the old", 0)
        accept(listening).close()
    path.unlink()
    assert not feed.send(b"x", 1)  # here the feed sees that it is gone
    with listen(path) as listening:
        assert feed.send(b"to the new", HALF_A_SECOND_NS)
        with accept(listening) as sender:
            assert sender.recv(100) == b"to the new"
    assert feed.dropped == 1


def test_a_recorder_that_reads_nothing_makes_it_drop_and_never_wait(path: Path, feed: FlightFeed) -> None:
    with listen(path) as listening:
        sent = sum(feed.send(bytes(3000), 0) for _ in range(MANY))  # a send that waited would wait for ever
        assert 0 < sent < MANY
        assert feed.dropped == MANY - sent
        with accept(listening) as sender:
            for _ in range(sent):
                assert len(sender.recv(4000)) == 3000
            assert feed.send(b"room again", 0)
            assert sender.recv(100) == b"room again"


def test_a_stopped_recorder_makes_it_drop_and_never_wait(path: Path, feed: FlightFeed) -> None:
    recorder = subprocess.Popen([sys.executable, "-c", LISTENER, str(path)], stdout=subprocess.PIPE)
    try:
        t_now_ns = 0
        while not feed.send(b"hello", t_now_ns):
            t_now_ns += HALF_A_SECOND_NS
            threading.Event().wait(0.01)
        assert recorder.stdout is not None
        assert recorder.stdout.readline() == b"b'hello'\n"
        os.kill(recorder.pid, signal.SIGSTOP)
        before = feed.dropped
        sent = sum(feed.send(bytes(3000), t_now_ns) for _ in range(MANY))
        assert feed.dropped - before == MANY - sent > 0
    finally:
        recorder.kill()
        recorder.wait(PATIENCE_S)


def test_connections_that_nobody_accepts_are_not_waited_for(path: Path) -> None:
    with listen(path):
        feeds = [FlightFeed(path) for _ in range(20)]  # more than the listener's backlog
        reached = [feed.send(b"x", 0) for feed in feeds]
        assert reached[0]
        assert not all(reached)
        for feed in feeds:
            feed.close()


def test_a_message_too_large_is_dropped_and_hurts_nobody(path: Path, feed: FlightFeed) -> None:
    with listen(path) as listening:
        assert not feed.send(bytes(MAX_MESSAGE + 1), 0)
        assert feed.send(bytes(MAX_MESSAGE), 0)
        with accept(listening) as sender:
            assert len(sender.recv(MAX_MESSAGE + 1)) == MAX_MESSAGE
    assert feed.dropped == 1


def test_threads_may_share_a_feed(path: Path, feed: FlightFeed) -> None:
    def send(letter: bytes) -> None:
        for _ in range(50):
            feed.send(letter * 100, 0)

    with listen(path) as listening:
        threads = [threading.Thread(target=send, args=(letter,)) for letter in (b"a", b"b", b"c")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        feed.close()
        with accept(listening) as sender:
            got = list(iter(lambda: sender.recv(200), b""))
    assert sorted(got) == sorted([letter * 100 for letter in (b"a", b"b", b"c")] * 50)


def test_the_command_process_gets_nothing_heavy_by_it() -> None:
    script = "import sys, runtime.flight.feed; print([n for n in ('foxglove', 'PIL', 'mcap', 'onnxruntime') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
