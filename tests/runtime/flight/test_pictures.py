"""How many of a camera's pictures are kept."""

from pathlib import Path

import numpy as np
import pytest

from interfaces.messages import Frame
from runtime.flight.frame_ring import FrameRingReader, FrameRingWriter
from runtime.flight.pictures import Pictures

SECOND_NS = 1_000_000_000
T_BEGIN_NS = 77 * SECOND_NS


def kept(path: Path, camera_hz: float, kept_hz: float, *, jitter_ns: int = 0, seconds: int = 4) -> list[Frame]:
    writer, pictures = FrameRingWriter(path, 8, 6), Pictures([FrameRingReader(path)], kept_hz)
    random = np.random.default_rng(0)
    frames: list[Frame] = []
    for number in range(round(seconds * camera_hz)):
        t_ns = T_BEGIN_NS + round(number * SECOND_NS / camera_hz) + int(random.integers(-jitter_ns, jitter_ns + 1))
        rgb = np.zeros((6, 8, 3), np.uint8)
        writer.put(Frame(camera="front", number=number, t_capture_ns=t_ns, t_arrival_ns=t_ns, rgb=rgb, depth_mm=None))
        frames += pictures.take()
        frames += pictures.take()
    return frames


@pytest.mark.parametrize(
    ("camera_hz", "kept_hz", "expected"),
    [(30, 15, 60), (30, 30, 120), (30, 60, 120), (30, 10, 40), (60, 7, 28), (30, 0, 0)],
)
def test_pictures_are_kept_at_the_rate_asked_for(
    tmp_path: Path, camera_hz: float, kept_hz: float, expected: int
) -> None:
    got = kept(tmp_path / "ring", camera_hz, kept_hz, jitter_ns=2_000_000)
    assert abs(len(got) - expected) <= 1
    assert len({frame.number for frame in got}) == len(got)


def test_after_a_silence_the_next_picture_is_kept_and_no_burst_follows(tmp_path: Path) -> None:
    path = tmp_path / "ring"
    writer, pictures = FrameRingWriter(path, 8, 6), Pictures([FrameRingReader(path)], 10.0)
    got: list[int] = []
    for number, t_s in enumerate([0.0, 10.0, 10.03, 10.06, 10.09, 10.12]):
        rgb = np.zeros((6, 8, 3), np.uint8)
        t_ns = T_BEGIN_NS + round(t_s * SECOND_NS)
        writer.put(Frame(camera="front", number=number, t_capture_ns=t_ns, t_arrival_ns=t_ns, rgb=rgb, depth_mm=None))
        got += [frame.number for frame in pictures.take()]
    assert got == [0, 1, 4]


def test_a_camera_clock_that_jumps_back_does_not_end_the_pictures(tmp_path: Path) -> None:
    path = tmp_path / "ring"
    writer, pictures = FrameRingWriter(path, 8, 6), Pictures([FrameRingReader(path)], 10.0)
    for number, t_ns in enumerate([T_BEGIN_NS, T_BEGIN_NS - 60 * SECOND_NS]):
        rgb = np.zeros((6, 8, 3), np.uint8)
        writer.put(Frame(camera="front", number=number, t_capture_ns=t_ns, t_arrival_ns=t_ns, rgb=rgb, depth_mm=None))
        assert [frame.number for frame in pictures.take()] == [number]
