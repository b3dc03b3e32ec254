"""A camera that is bumped while the policy acts is found, one that stands is left alone, and no frame waits for the looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from interfaces.calibration_config import CalibrationConfig
from interfaces.messages import Frame
from runtime.policy.view.moved_view import ViewMotion, how_moved, nothing_known, one_picture
from runtime.policy.view.pinhole import Array
from runtime.policy.view.view_watch import AGAIN_NS, LOOK_NS, ViewWatch

CONFIG = CalibrationConfig(folder="c", require=(), max_age_days=30.0, offsets="record", view="check")
AsFrame = Callable[..., Frame]
Pushed = Callable[..., Array]


def motion(shift_mm: float, **changes: Any) -> ViewMotion:
    pose = np.eye(4)
    pose[0, 3] = shift_mm * 1e-3
    known = ViewMotion(
        now_from_then=pose, translation_mm=shift_mm, rotation_deg=0.0, translation_sigma_mm=0.3, rotation_sigma_deg=0.02,
        n_points=50, n_edges=100,
    )  # fmt: skip
    return replace(known, **changes)


class Shown:
    """A camera whose looks tell what a test says."""

    def __init__(self, frame: Frame) -> None:
        self.told = motion(0.0)
        self.looks = 0
        self._frame = frame

    def look(self, frame: Frame) -> ViewMotion:
        del frame
        self.looks += 1
        return self.told

    def at(self, t_ns: int) -> Frame:
        return replace(self._frame, t_arrival_ns=t_ns)


@pytest.fixture
def shown(textured: Any, as_frame: AsFrame) -> Shown:
    return Shown(as_frame(textured.see()))


def watch_for(shown: Shown, judged: ViewMotion | None = None) -> ViewWatch:
    return ViewWatch(shown.look, judged or motion(0.0), CONFIG, beside=lambda work: work())


def seconds(watch: ViewWatch, shown: Shown, n_seconds: int, start_s: int = 0) -> list[int]:
    """Return at which seconds, one frame each, it says that the camera seems moved."""
    return [s for s in range(start_s, start_s + n_seconds) if watch.seems_moved(shown.at(s * 1_000_000_000))]


def test_a_camera_that_stands_is_looked_at_every_ten_seconds_and_left_alone(shown: Shown) -> None:
    assert seconds(watch_for(shown), shown, 61) == []
    assert shown.looks in {5, 6}


def test_a_bump_is_found_by_two_looks_in_a_row(shown: Shown) -> None:
    watch = watch_for(shown)
    seconds(watch, shown, 5)
    shown.told = motion(8.0)
    found = seconds(watch, shown, 30, start_s=5)
    assert found
    assert found[0] * 1_000_000_000 <= LOOK_NS + 3 * AGAIN_NS


def test_one_odd_look_is_forgotten(shown: Shown) -> None:
    watch = watch_for(shown)
    shown.told = motion(8.0)
    seconds(watch, shown, 11)
    shown.told = motion(0.0)
    assert seconds(watch, shown, 60, start_s=11) == []


def test_a_look_that_tells_nothing_says_nothing(shown: Shown) -> None:
    watch = watch_for(shown)
    shown.told = nothing_known("an arm before the camera")
    assert seconds(watch, shown, 60) == []


def test_what_is_vague_says_nothing(shown: Shown) -> None:
    watch = watch_for(shown)
    shown.told = motion(8.0, translation_sigma_mm=4.0)
    assert seconds(watch, shown, 60) == []


def test_a_camera_whose_pictures_are_corrected_is_held_against_where_it_was_judged(shown: Shown) -> None:
    shown.told = motion(12.0)
    assert seconds(watch_for(shown, motion(12.0)), shown, 60) == []
    shown.told = motion(3.0)
    assert seconds(watch_for(shown, motion(12.0)), shown, 60)


def test_no_frame_waits_for_a_look(shown: Shown) -> None:
    waiting: list[Callable[[], None]] = []
    watch = ViewWatch(shown.look, motion(0.0), CONFIG, beside=waiting.append)
    assert seconds(watch, shown, 60) == []
    assert len(waiting) == 1  # and none is begun before it is done
    waiting.pop()()
    seconds(watch, shown, 20, start_s=60)
    assert len(waiting) == 1


def test_a_look_that_fails_is_not_the_last_one(shown: Shown) -> None:
    looks: list[bool] = []

    def look(frame: Frame) -> ViewMotion:
        looks.append(True)
        if len(looks) == 1:
            raise np.linalg.LinAlgError("a picture of nothing")
        return shown.look(frame)

    shown.told = motion(9.0)
    watch = ViewWatch(look, motion(0.0), CONFIG, beside=lambda work: work())
    assert seconds(watch, shown, 60)
    assert len(looks) > 2


def test_a_real_look_at_a_real_bump(textured: Any, as_frame: AsFrame, pushed: Pushed) -> None:
    landmarks = textured.landmarks()

    def look(frame: Frame) -> ViewMotion:
        return how_moved(one_picture([frame], textured.pinhole, aligned=True), landmarks, textured.pinhole)

    stands, bumped = as_frame(textured.see()), as_frame(textured.see(pushed((9, 0, 0), (0, 0, 0))))
    watch = ViewWatch(look, look(stands), CONFIG, beside=lambda work: work())
    said = [watch.seems_moved(replace(stands, t_arrival_ns=s * LOOK_NS)) for s in range(4)]
    said += [watch.seems_moved(replace(bumped, t_arrival_ns=s * LOOK_NS)) for s in range(4, 9)]
    assert said[:6] == [False] * 6
    assert said[-1]
