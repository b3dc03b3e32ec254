"""Frames of several cameras become sets by when they were taken, on given numbers."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interfaces.messages import Frame
from runtime.policy.frame_pairing import FramePairing, FrameSet

MS = 1_000_000
PERIOD_NS = 33 * MS
RGB = np.zeros((1, 1, 3), np.uint8)


def frame(camera: str, t_capture_ns: int) -> Frame:
    return Frame(camera=camera, number=0, t_capture_ns=t_capture_ns, t_arrival_ns=t_capture_ns, rgb=RGB, depth_mm=None)


def arrivals(*, offset_ns: int, latency_ns: int = 0, count: int = 30) -> list[Frame]:
    """Return frames of two cameras in the order they arrive: the second takes them `offset_ns` later, and is slower."""
    of_front = [(k * PERIOD_NS, frame("front", k * PERIOD_NS)) for k in range(count)]
    t_wrist_ns = [k * PERIOD_NS + offset_ns for k in range(count)]
    of_wrist = [(t_ns + latency_ns, frame("wrist", t_ns)) for t_ns in t_wrist_ns]
    return [one for _, one in sorted(of_front + of_wrist, key=lambda pair: pair[0])]


def sets(frames: list[Frame], tolerance_ns: int, cameras: tuple[str, ...] = ("front", "wrist")) -> list[FrameSet]:
    pairing = FramePairing(cameras, tolerance_ns)
    return [made for made in map(pairing.add, frames) if made is not None]


def test_one_camera_needs_no_partner() -> None:
    frames = [frame("front", k) for k in range(5)]
    assert sets(frames, 0, ("front",)) == [(one,) for one in frames]


@pytest.mark.parametrize("latency_ns", [0, 20 * MS, 100 * MS, 200 * MS])
def test_a_camera_whose_frames_arrive_later_is_paired_with_what_was_taken_then(latency_ns: int) -> None:
    made = sets(arrivals(offset_ns=2 * MS, latency_ns=latency_ns), 5 * MS)
    assert [(front.t_capture_ns, wrist.t_capture_ns) for front, wrist in made] == [
        (k * PERIOD_NS, k * PERIOD_NS + 2 * MS) for k in range(30)
    ]


def test_frames_farther_apart_than_the_tolerance_are_no_set() -> None:
    pairing = FramePairing(("front", "wrist"), 5 * MS)
    assert [pairing.add(one) for one in arrivals(offset_ns=12 * MS)] == [None] * 60
    assert pairing.apart_ns == 12 * MS


def test_before_every_camera_gave_a_frame_there_is_no_set() -> None:
    pairing = FramePairing(("front", "wrist"), 5 * MS)
    assert [pairing.add(frame("front", k)) for k in range(20)] == [None] * 20
    assert pairing.apart_ns is None


def test_three_cameras_are_one_set_only_where_all_are_near() -> None:
    pairing = FramePairing(("left", "right", "wrist"), 10 * MS)
    assert pairing.add(frame("left", 0)) is None
    assert pairing.add(frame("right", 8 * MS)) is None
    assert pairing.add(frame("wrist", -8 * MS)) is None  # near the left one, but not the right one
    made = pairing.add(frame("wrist", 4 * MS))
    assert made is not None
    assert [one.camera for one in made] == ["left", "right", "wrist"]


@given(
    order=st.lists(st.tuples(st.sampled_from(["front", "wrist"]), st.integers(0, 300 * MS)), max_size=60),
    tolerance_ns=st.integers(0, 50 * MS),
)
def test_whatever_arrives_sets_are_within_the_tolerance_and_never_go_back(
    order: list[tuple[str, int]], tolerance_ns: int
) -> None:
    made = sets([frame(camera, t_ns) for camera, t_ns in order], tolerance_ns)
    for one in made:
        front, wrist = one
        assert (front.camera, wrist.camera) == ("front", "wrist")
        assert abs(front.t_capture_ns - wrist.t_capture_ns) <= tolerance_ns
    oldest = [min(one.t_capture_ns for one in frames) for frames in made]
    assert all(a <= b for a, b in itertools.pairwise(oldest))


def test_every_frame_of_cameras_in_step_makes_a_set(make_frame: Callable[..., Frame]) -> None:
    pairing, made = FramePairing(("front",), 0), make_frame(t_capture_ns=5)
    assert pairing.add(made) == (made,)
