"""The recorder as a process: stopped, killed, started again and looked at; the others never notice."""

import base64
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mcap.exceptions import McapError
from mcap.reader import NonSeekingReader

from bench.flight_rig import Flight, Script, fly
from interfaces.flight_wire import CycleEncoder
from interfaces.robot_config import RobotConfig
from runtime.flight import decode
from runtime.flight.feed import FlightFeed
from runtime.flight.reader import read_flight

ROBOT_FILE = Path(__file__).parents[3] / "robots/simulated.toml"
PATIENCE_NS = 30_000_000_000
SECOND_NS = 1_000_000_000


class Recording:
    """A recorder process in a folder of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        command = [sys.executable, "-I", "-m", "runtime.flight.recorder_process", str(ROBOT_FILE), *options]
        self.process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []

    def until_it_says(self, words: str) -> str:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if words in line:
                return line
        raise AssertionError(f"it ended, and said {self.lines}")

    def end(self, number: int = signal.SIGTERM) -> int:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)
        return self.process.wait(30)


class Sender:
    """The command process, as the recorder knows it: a cycle that counts."""

    def __init__(self, socket_path: Path, flight: Flight) -> None:
        self.feed = FlightFeed(socket_path)
        self.sent: dict[int, int] = {}  # when, by sequence
        self._data = bytearray(CycleEncoder(6).encode(flight.cycles[5]))
        self._sequence = 0

    def send(self) -> bool:
        self._sequence += 1
        self._data[8:16] = self._sequence.to_bytes(8, "little")
        t_now_ns = time.monotonic_ns()
        if not self.feed.send(self._data, t_now_ns):
            return False
        self.sent[self._sequence] = t_now_ns
        return True

    def connect(self) -> None:
        until(self.send)

    def beat(self, seconds: float) -> None:
        t_end_ns = time.monotonic_ns() + round(seconds * SECOND_NS)
        while time.monotonic_ns() < t_end_ns:
            self.send()
            time.sleep(0.005)


def until(done: Callable[[], bool]) -> None:
    t_end_ns = time.monotonic_ns() + PATIENCE_NS
    while not done():
        assert time.monotonic_ns() < t_end_ns, "not in time"
        time.sleep(0.01)


def cycles_in(path: Path) -> list[int]:
    """Return the cycles in a file that may have no end, read by the library."""
    found: list[int] = []
    with path.open("rb") as file, contextlib.suppress(McapError):
        for _, channel, message in NonSeekingReader(file).iter_messages(log_time_order=False):
            if channel.topic == "/cycle":
                found.append(decode.cycle(message.data).sequence)
    return found


@pytest.fixture
def record(folder: Path) -> Iterator[Callable[..., Recording]]:
    """Starts recorders."""
    started: list[Recording] = []

    def start(*options: str) -> Recording:
        started.append(Recording(folder, *options))
        return started[-1]

    yield start
    for recording in started:
        recording.end(signal.SIGKILL)


@pytest.fixture
def sender(folder: Path, robot: RobotConfig) -> Iterator[Sender]:
    made = Sender(folder / robot.record.socket, fly(robot, Script(periods=10)))
    yield made
    made.feed.close()


def segments(folder: Path) -> list[Path]:
    return sorted((folder / "flight").glob("*.mcap"))


def test_it_ends_well_when_told_to(folder: Path, record: Callable[..., Recording], sender: Sender) -> None:
    recording = record()
    sender.connect()
    for _ in range(300):
        sender.send()
        time.sleep(0.001)
    sender.feed.close()
    assert recording.end(signal.SIGINT) == 0
    got = read_flight(folder / "flight")
    assert got.notes == ()
    assert [cycle.sequence for cycle in got.cycles] == list(sender.sent)
    assert not (folder / "record.sock").exists()


def test_stopped_it_makes_senders_drop_and_never_wait(
    folder: Path, record: Callable[..., Recording], sender: Sender
) -> None:
    recording = record()
    sender.connect()
    os.kill(recording.process.pid, signal.SIGSTOP)
    dropped_before = sender.feed.dropped
    sent = sum(sender.send() for _ in range(5000))  # a send that waited would wait for ever
    assert 0 < sent < 5000
    dropped = sender.feed.dropped - dropped_before
    assert dropped == 5000 - sent
    os.kill(recording.process.pid, signal.SIGCONT)
    until(sender.send)  # it shows the gap
    sender.feed.close()
    assert recording.end() == 0
    got = read_flight(folder / "flight")
    assert [cycle.sequence for cycle in got.cycles] == list(sender.sent)
    assert got.recorder[-1].lost["cycle dropped"] == sender.feed.dropped - dropped_before


def test_killed_it_leaves_all_but_the_last_second_and_the_next_begins_a_new_file(
    folder: Path, record: Callable[..., Recording], sender: Sender
) -> None:
    recording = record()
    sender.connect()
    sender.beat(4.0)
    t_kill_ns = time.monotonic_ns()
    recording.end(signal.SIGKILL)
    (old,) = segments(folder)
    survived = cycles_in(old)
    expected = [sequence for sequence, t_ns in sender.sent.items() if t_kill_ns - t_ns > 2 * SECOND_NS]
    assert (
        survived[: len(expected)] == expected
    )  # two, because this machine may be busy; bench/flight_feed.py measures it
    assert survived == list(range(survived[0], survived[-1] + 1))
    assert [cycle.sequence for cycle in read_flight(old).cycles][: len(survived)] == survived

    left = old.read_bytes()
    again = record()
    last = max(sender.sent)
    until(lambda: sender.send() and max(sender.sent) > last)
    sender.feed.close()
    assert again.end() == 0
    assert old.read_bytes() == left
    (new,) = [path for path in segments(folder) if path != old]
    assert new.name > old.name
    assert cycles_in(new) == [sequence for sequence in sender.sent if sequence > last]


def shake_hands(port: int) -> tuple[bytes, bytes]:
    """Return the answer to a websocket's handshake as Foxglove makes it, and the first bytes after it."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = (
        "GET / HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: foxglove.sdk.v1",
    )
    with socket.create_connection(("127.0.0.1", port), timeout=30) as viewer:
        viewer.sendall("\r\n".join((*lines, "", "")).encode())
        data = b""
        while b"/joints/predicted" not in data or b"/camera/front" not in data:
            more = viewer.recv(65536)
            assert more, data
            data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


def listening_addresses(port: int) -> set[str]:
    """Return the local addresses, in the kernel's hex, on which something listens at a port."""
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    return {row[1].split(":")[0] for row in rows if row[3] == "0A" and int(row[1].split(":")[1], 16) == port}


def test_the_live_view_tells_foxglove_what_there_is_and_listens_on_loopback_only(
    record: Callable[..., Recording], sender: Sender
) -> None:
    recording = record("--live", "0")
    port = int(recording.until_it_says("live at").rsplit(":", 1)[1])
    sender.connect()
    head, rest = shake_hands(port)
    assert head.startswith(b"HTTP/1.1 101")
    assert b"foxglove.sdk.v1" in head
    for topic in (b"/cycle", b"/camera/front", b"/inference/foresight", b"/joints/commanded", b"/joints/predicted"):
        assert topic in rest
    assert b"serverInfo" in rest
    assert b"forerun simulated" in rest
    assert listening_addresses(port) == {"0100007F"}


def test_without_being_asked_nothing_is_served(record: Callable[..., Recording], sender: Sender) -> None:
    recording = record()
    sender.connect()
    inodes = {str(fd.readlink()) for fd in Path(f"/proc/{recording.process.pid}/fd").iterdir() if fd.is_symlink()}
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    assert not [row for row in rows if f"socket:[{row[9]}]" in inodes]


def test_one_robot_has_one_recorder(record: Callable[..., Recording], sender: Sender) -> None:
    record()
    sender.connect()
    second = record()
    assert second.process.wait(30) == 1
    second.until_it_says("another recorder")


def test_a_port_that_is_taken_is_said(record: Callable[..., Recording]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        recording = record("--live", str(taken.getsockname()[1]))
        assert recording.process.wait(30) == 1
        recording.until_it_says("cannot serve the live view at 127.0.0.1")


def test_the_folder_may_be_another(folder: Path, record: Callable[..., Recording], sender: Sender) -> None:
    recording = record("--folder", "elsewhere")
    sender.connect()
    assert recording.end() == 0
    assert list((folder / "elsewhere").glob("*.mcap"))
    assert not segments(folder)


def test_it_needs_neither_inference_nor_training() -> None:
    names = ("onnxruntime", "torch", "cv2", "matplotlib", "mujoco")
    script = f"import sys, runtime.flight.recorder_process; print([n for n in {names} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
