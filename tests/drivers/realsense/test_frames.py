"""Which sets of librealsense's frames become Frames: told by their numbers and stamps, on frames made up of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pyrealsense2 as rs
import pytest

from bench.camera_rig import camera_config
from drivers.realsense.frames import RealSenseFrames
from drivers.realsense.recovery import Patience
from drivers.realsense.stream import RealSenseStream

PERIOD_MS = 1000 / 30


@dataclass
class Picture:
    """What the driver asks of a frame."""

    number: int
    stamp_ms: float
    domain: rs.timestamp_domain = field(default_factory=lambda: rs.timestamp_domain.hardware_clock)

    def get_frame_number(self) -> int:
        return self.number

    def get_timestamp(self) -> float:
        return self.stamp_ms

    def get_frame_timestamp_domain(self) -> rs.timestamp_domain:
        return self.domain

    def supports_frame_metadata(self, value: object) -> bool:
        del value
        return False

    def get_data(self) -> Any:
        return np.zeros((2, 2, 3), np.uint8)

    def get_units(self) -> float:
        return 0.001


@dataclass
class Pair:
    """A set of frames, and the stream that leaves it as it is."""

    colour: Picture | None
    depth: Picture | None

    def get_color_frame(self) -> Picture | None:
        return self.colour

    def get_depth_frame(self) -> Picture | None:
        return self.depth

    def filtered(self, frames: Pair) -> Pair:
        return frames


def numbers_taken(sets: Sequence[tuple[int, float, int, float]]) -> list[int]:
    """Feed sets of (colour number, its stamp in periods, depth number, its stamp); return the numbers that became Frames."""
    frames, taken = RealSenseFrames(camera_config(), replayed=True), list[int]()
    frames.facts = cast("Any", object())  # not asked for here
    for index, (colour, colour_at, depth, depth_at) in enumerate(sets):
        pair = Pair(Picture(colour, stamp(colour_at)), Picture(depth, stamp(depth_at)))
        t_ns = (index + 1) * 10_000_000
        stream = cast("RealSenseStream", pair)
        frame = frames.taken(cast("rs.composite_frame", pair), stream, t_read_ns=t_ns, t_drained_ns=t_ns - 1)
        if frame is not None:
            taken.append(frame.number)
    return taken


def stamp(periods: float) -> float:
    """Return a stamp of a 32-bit counter that wraps after ten periods."""
    return (2**32 / 1e3 + (periods - 10) * PERIOD_MS) % (2**32 / 1e3)


def test_every_picture_becomes_one_frame() -> None:
    assert numbers_taken([(1, 1, 1, 1), (1, 1, 2, 2), (2, 2, 2, 2), (3, 3, 3, 3)]) == [1, 2, 3]


def test_new_colour_with_old_depth_waits_for_its_own() -> None:
    assert numbers_taken([(1, 1, 1, 1), (2, 2, 1, 1), (2, 2, 2, 2), (3, 3, 3, 3)]) == [1, 2, 3]


@pytest.mark.parametrize("apart", [0.3, -0.3, 0.5, -0.5])
def test_sensors_that_run_a_part_of_a_period_apart_are_pairs(apart: float) -> None:
    assert numbers_taken([(k, k, k, k + apart) for k in range(1, 30)]) == list(range(1, 30))  # over the wrap, too
    drifting = [(k, k, k, k + apart * k / 30) for k in range(1, 30)]
    assert numbers_taken(drifting) == list(range(1, 30))


def test_a_recording_that_begins_with_a_poor_pair_is_taken_as_it_is() -> None:
    assert numbers_taken([(1, 1, 1, 3)]) == [1]  # as that of a real D435 is


def test_sets_that_lack_a_stream_are_none() -> None:
    frames = RealSenseFrames(camera_config(), replayed=True)
    for pair in (Pair(None, Picture(1, 0.0)), Pair(Picture(1, 0.0), None)):
        stream = cast("RealSenseStream", pair)
        assert frames.taken(cast("rs.composite_frame", pair), stream, t_read_ns=1, t_drained_ns=0) is None


def test_the_longest_climb_is_what_is_documented() -> None:
    assert Patience().longest_ns(500_000_000) == 20_000_000_000
