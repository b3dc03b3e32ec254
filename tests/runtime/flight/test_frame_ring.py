"""Pictures in shared memory: the newest, whole or not at all, across restarts of either side."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from interfaces.errors import RefusedError
from interfaces.messages import Frame
from runtime.flight.frame_ring import SLOTS, FrameRingReader, FrameRingWriter, ring_path

WIDTH_PX, HEIGHT_PX = 32, 24


def frame(number: int, camera: str = "front") -> Frame:
    rgb = np.random.default_rng(number).integers(0, 256, (HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    return Frame(
        camera=camera, number=number, t_capture_ns=number * 1000, t_arrival_ns=number * 1000 + 7, rgb=rgb, depth_mm=None
    )


def assert_same(got: Frame | None, expected: Frame) -> None:
    assert got is not None
    assert (got.camera, got.number, got.t_capture_ns, got.t_arrival_ns, got.depth_mm) == (
        expected.camera,
        expected.number,
        expected.t_capture_ns,
        expected.t_arrival_ns,
        None,
    )
    np.testing.assert_array_equal(got.rgb, expected.rgb)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return ring_path(tmp_path / "record.sock", "front")


def test_the_ring_lies_next_to_the_socket() -> None:
    assert ring_path(Path("run/record.sock"), "wrist") == Path("run/record.sock.wrist.frames")


def test_the_newest_picture_comes_once(path: Path) -> None:
    writer, reader = FrameRingWriter(path, WIDTH_PX, HEIGHT_PX), FrameRingReader(path)
    assert reader.newest() is None
    for number in range(1, 3 * SLOTS):
        writer.put(frame(number))
        assert_same(reader.newest(), frame(number))
        assert reader.newest() is None
    writer.put(frame(100))
    writer.put(frame(101))
    assert_same(reader.newest(), frame(101))
    assert reader.newest() is None


def test_a_picture_taken_stays_what_it_was(path: Path) -> None:
    writer, reader = FrameRingWriter(path, WIDTH_PX, HEIGHT_PX), FrameRingReader(path)
    writer.put(frame(1))
    got = reader.newest()
    for number in range(2, 2 * SLOTS):
        writer.put(frame(number))
    assert_same(got, frame(1))


def test_a_reader_may_come_first(path: Path) -> None:
    reader = FrameRingReader(path)
    assert reader.newest() is None
    writer = FrameRingWriter(path, WIDTH_PX, HEIGHT_PX)
    writer.put(frame(1))
    assert_same(reader.newest(), frame(1))


def test_a_new_ring_is_found(path: Path) -> None:
    old, reader = FrameRingWriter(path, WIDTH_PX, HEIGHT_PX), FrameRingReader(path)
    for number in range(10):
        old.put(frame(number))
    assert reader.newest() is not None
    new = FrameRingWriter(path, WIDTH_PX, HEIGHT_PX)  # the old one was killed: it removed nothing
    assert reader.newest() is None
    new.put(frame(50))
    assert_same(reader.newest(), frame(50))
    new.close()
    assert not path.exists()
    assert reader.newest() is None


def test_what_is_being_written_is_not_read(path: Path) -> None:
    writer, reader = FrameRingWriter(path, WIDTH_PX, HEIGHT_PX), FrameRingReader(path)
    writer.put(frame(1))
    writer.put(frame(2))
    slots = np.memmap(path, np.uint8, "r+")[64:].reshape(SLOTS, -1)  # the second of them as a killed writer leaves it
    slots[1, :8] = np.frombuffer((3).to_bytes(8, "little"), np.uint8)
    assert_same(reader.newest(), frame(1))


def test_a_picture_written_over_during_the_copy_is_dropped(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer, reader = FrameRingWriter(path, WIDTH_PX, HEIGHT_PX), FrameRingReader(path)
    writer.put(frame(1))
    calls = 0

    def write_meanwhile(_fence: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:  # the reader has copied, and looks at the sequence next
            monkeypatch.undo()
            for number in range(2, 2 + SLOTS):
                writer.put(frame(number))

    monkeypatch.setattr("runtime.flight.frame_ring._Fence.order", write_meanwhile)
    assert reader.newest() is None
    assert reader.torn == 1
    assert_same(reader.newest(), frame(1 + SLOTS))


WRITER = """
import sys
import numpy as np
from pathlib import Path
from interfaces.messages import Frame
from runtime.flight.frame_ring import FrameRingWriter
writer = FrameRingWriter(Path(sys.argv[1]), 320, 240)
print("ready", flush=True)
number = 0
while True:
    number += 1
    rgb = np.full((240, 320, 3), number % 256, np.uint8)
    writer.put(Frame(camera="front", number=number, t_capture_ns=number, t_arrival_ns=number, rgb=rgb, depth_mm=None))
"""


def test_no_picture_is_torn_while_another_process_writes_as_fast_as_it_can(path: Path) -> None:
    writing = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)
    try:
        assert writing.stdout is not None
        assert writing.stdout.readline() == b"ready\n"
        reader, got = FrameRingReader(path), 0
        while got < 300:
            taken = reader.newest()
            if taken is not None:
                got += 1
                assert int(taken.rgb.min()) == int(taken.rgb.max()) == taken.number % 256
    finally:
        writing.kill()
        writing.wait(20)


def test_a_picture_of_another_size_is_not_taken(path: Path) -> None:
    writer, reader = FrameRingWriter(path, WIDTH_PX + 1, HEIGHT_PX), FrameRingReader(path)
    assert not writer.put(frame(1))
    assert reader.newest() is None


@pytest.mark.parametrize("content", [b"", b"short", bytes(64), os.urandom(100_000)])
def test_a_file_that_is_no_ring_is_none(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert FrameRingReader(path).newest() is None


def test_a_ring_cut_short_is_none(path: Path) -> None:
    FrameRingWriter(path, WIDTH_PX, HEIGHT_PX).put(frame(1))
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 4096)
    assert FrameRingReader(path).newest() is None


def test_where_there_is_no_place_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="nowhere"):
        FrameRingWriter(tmp_path / "nowhere" / "x.frames", WIDTH_PX, HEIGHT_PX)
