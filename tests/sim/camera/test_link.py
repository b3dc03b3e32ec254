"""The simulated camera's cable: whole frames, a world that never waits, ends that come and go."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from interfaces.errors import ProtocolError
from interfaces.messages import DepthMm, Rgb
from sim.camera.link import CameraLinkReader, CameraLinkServer, LinkFrame


def pictures(seed: int) -> tuple[Rgb, DepthMm]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (240, 424, 3), np.uint8), rng.integers(0, 2**16, (240, 424), np.uint16)


def send(server: CameraLinkServer, number: int) -> None:
    rgb, depth_mm = pictures(number)
    server.send(rgb, depth_mm, 1000 * number, number)


def until(what: Callable[[], bool]) -> None:
    """Wait for what another thread brings about; fails after ten seconds."""
    pause = threading.Event()
    for _ in range(1000):
        if what():
            return
        pause.wait(0.01)
    raise AssertionError("did not come about within ten seconds")


def connected(server: CameraLinkServer, frames: Iterator[LinkFrame]) -> LinkFrame:
    """Return the first frame that goes through, sending frame 0 until one does."""
    arrived = threading.Event()

    def feed() -> None:
        while not arrived.wait(0.01):
            send(server, 0)

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        return next(frames)
    finally:
        arrived.set()
        feeder.join()


def next_numbered(frames: Iterator[LinkFrame], number: int) -> LinkFrame:
    return next(frame for frame in frames if frame.number == number)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "camera.sock"


def test_frames_arrive_whole(path: Path) -> None:
    server, reader = CameraLinkServer(path), CameraLinkReader(path)
    frames = iter(reader)
    assert connected(server, frames).t_capture_ns == 0
    for number in range(1, 6):
        send(server, number)
        frame = next_numbered(frames, number)
        rgb, depth_mm = pictures(number)
        assert frame.t_capture_ns == 1000 * number
        np.testing.assert_array_equal(frame.rgb, rgb)
        np.testing.assert_array_equal(frame.depth_mm, depth_mm)
    server.close()
    reader.close()


def test_world_never_waits_for_a_reader_that_sleeps(path: Path) -> None:
    server, reader = CameraLinkServer(path), CameraLinkReader(path)
    frames = iter(reader)
    connected(server, frames)
    for number in range(
        1, 51
    ):  # 25 MB, of which the socket holds half a megabyte: a blocking send would hang here for good
        send(server, number)
    assert server.dropped >= 40
    late = list[int]()
    while 50 not in late:  # the newest is not the one that was dropped
        late.append(next(frames).number)
    assert len(late) <= 10
    assert late == sorted(late)
    server.close()
    reader.close()


def test_world_without_reader_drops_silently(path: Path) -> None:
    server = CameraLinkServer(path)
    send(server, 1)
    assert server.dropped == 0
    server.close()
    assert not path.exists()


def test_reader_survives_the_world(path: Path) -> None:
    reader = CameraLinkReader(path)
    frames = iter(reader)
    for world in (1, 2, 3):
        server = CameraLinkServer(path)
        connected(server, frames)
        send(server, world)
        assert next_numbered(frames, world).number == world
        server.close()
    reader.close()


def test_world_that_died_leaves_a_socket_that_does_not_matter(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(path))
    server, reader = CameraLinkServer(path), CameraLinkReader(path)
    assert connected(server, iter(reader)).number == 0
    server.close()
    reader.close()


def test_world_survives_its_reader(path: Path) -> None:
    server = CameraLinkServer(path)
    for _ in range(3):
        reader = CameraLinkReader(path)
        frames = iter(reader)
        connected(server, frames)
        reader.close()
        assert next(frames, None) is None
    server.close()


def test_close_ends_a_reader_that_waits_in_another_thread(path: Path) -> None:
    server, reader = CameraLinkServer(path), CameraLinkReader(path)
    seen = list[LinkFrame]()
    thread = threading.Thread(target=lambda: seen.extend(reader))
    thread.start()

    def arrived() -> bool:
        send(server, 7)
        return bool(reader.received)

    until(arrived)
    reader.close()
    thread.join(10)
    assert not thread.is_alive()
    assert {frame.number for frame in seen} == {7}
    server.close()


def test_foreign_bytes_are_refused(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        frames = iter(CameraLinkReader(path))
        sender = threading.Thread(target=lambda: listener.accept()[0].sendall(b"GET / HTTP/1.1\r\n" * 10))
        sender.start()
        with pytest.raises(ProtocolError, match=r"camera\.sock: a frame begins with b'GET '"):
            next(frames)
        sender.join()


def test_the_world_hears_which_size_is_wanted(path: Path) -> None:
    server, reader = CameraLinkServer(path), CameraLinkReader(path, (1280, 720))
    connected(server, iter(reader))
    assert server.asked_px == (1280, 720)
    reader.close()
    any_size = CameraLinkReader(path)
    until(lambda: connected(server, iter(any_size)).number == 0 and server.asked_px is None)
    any_size.close()
    server.close()
