"""Pictures and joints of one instant."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.capture.pairing import FrameSets, JointTrack
from interfaces.messages import Frame, JointState

MS = 1_000_000


def joints(t_ms: float, angle: float) -> JointState:
    zeros = np.zeros(2)
    return JointState(
        t_measured_ns=round(t_ms * MS),
        position_rad=np.array([angle, -angle]),
        velocity_rad_s=zeros + angle,
        effort_ratio=zeros + angle / 10,
        voltage_v=zeros,
        temperature_degc=zeros,
    )


def frame(camera: str, t_ms: float) -> Frame:
    rgb = np.zeros((2, 2, 3), np.uint8)
    t_ns = round(t_ms * MS)
    return Frame(camera=camera, number=1, t_capture_ns=t_ns, t_arrival_ns=t_ns, rgb=rgb, depth_mm=None)


def test_joints_are_those_between_the_readings_around_the_picture() -> None:
    track = JointTrack()
    for t_ms, angle in ((0, 0.0), (10, 1.0), (20, 3.0)):
        track.note(joints(t_ms, angle))
    sample = track.sample(15 * MS, {})
    assert sample is not None
    assert sample.position_rad == pytest.approx([2.0, -2.0])
    assert sample.velocity_rad_s == pytest.approx([2.0, 2.0])
    assert sample.effort_ratio == pytest.approx([0.2, 0.2])
    exact = track.sample(10 * MS, {})
    assert exact is not None
    assert exact.position_rad == pytest.approx([1.0, -1.0])


def test_what_lies_outside_of_what_was_measured_is_not_guessed() -> None:
    track = JointTrack()
    assert not track.is_ahead_of(0)
    track.note(joints(10, 0.0))
    track.note(joints(20, 1.0))
    assert track.sample(9 * MS, {}) is None
    assert track.sample(21 * MS, {}) is None
    assert not track.is_ahead_of(21 * MS)
    assert track.is_ahead_of(20 * MS)


def test_a_state_that_comes_twice_is_one() -> None:
    track = JointTrack()
    track.note(joints(10, 0.0))
    track.note(joints(10, 5.0))
    track.note(joints(20, 1.0))
    sample = track.sample(15 * MS, {})
    assert sample is not None
    assert sample.position_rad[0] == pytest.approx(0.5)


def test_a_set_has_one_new_picture_of_each_camera() -> None:
    sets = FrameSets(("front", "wrist"), 10 * MS)
    sets.note(frame("front", 100))
    assert sets.take() is None
    sets.note(frame("wrist", 104))
    taken = sets.take()
    assert taken is not None
    assert taken[0] == 102 * MS
    assert set(taken[1]) == {"front", "wrist"}
    assert sets.take() is None  # the same is not taken twice
    sets.note(frame("wrist", 137))
    assert sets.take() is None


def test_pictures_too_far_apart_are_not_of_one_instant() -> None:
    sets = FrameSets(("front", "wrist"), 10 * MS)
    sets.note(frame("front", 100))
    sets.note(frame("wrist", 111))
    assert sets.take() is None  # the older one is let go
    sets.note(frame("front", 120))
    taken = sets.take()
    assert taken is not None
    assert taken[1]["front"].t_capture_ns == 120 * MS
