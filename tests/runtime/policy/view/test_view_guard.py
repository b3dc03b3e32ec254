"""No frame reaches the policy before the camera is known to stand where it should, or is corrected."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from interfaces.calibration_config import CalibrationConfig
from interfaces.messages import Frame
from runtime.policy.view.pinhole import Array
from runtime.policy.view.view_guard import LOOK_AGAIN_NS, N_FRAMES, KnownView, ViewGuard
from runtime.policy.view.view_watch import AGAIN_NS, LOOK_NS

CONFIG = CalibrationConfig(folder="c", require=(), max_age_days=30.0, offsets="record", view="check")
AsFrame = Callable[..., Frame]
Pushed = Callable[..., Array]


@pytest.fixture
def known(textured: Any) -> KnownView:
    """What is known of the textured table."""
    return KnownView(
        landmarks=textured.landmarks(), pinhole=textured.pinhole, aligned=True, command="forerun calibrate view r.toml"
    )


def show(guard: ViewGuard, frame: Frame, n_frames: int = N_FRAMES) -> list[Frame | None]:
    """Return what the guard makes of a frame, shown several times."""
    return [guard.take(frame) for _ in range(n_frames)]


def test_frames_go_on_unchanged_once_it_looked(textured: Any, known: KnownView, as_frame: AsFrame) -> None:
    guard, frame = ViewGuard(known, CONFIG), as_frame(textured.see())
    passed = show(guard, frame)
    assert passed[:-1] == [None] * (N_FRAMES - 1)
    assert passed[-1] is frame
    assert guard.take(frame) is frame
    assert guard.fault is None


def test_a_moved_camera_is_refused_until_it_is_pushed_back(
    textured: Any, known: KnownView, as_frame: AsFrame, pushed: Pushed
) -> None:
    guard = ViewGuard(known, CONFIG)
    moved = textured.see(pushed((8, 0, 0), (0, 0, 0)))
    assert show(guard, as_frame(moved)) == [None] * N_FRAMES
    assert "moved by 8.0 mm" in str(guard.fault)
    back = textured.see(seed=9)
    assert show(guard, as_frame(back, LOOK_AGAIN_NS - 1), 3 * N_FRAMES) == [None] * 3 * N_FRAMES
    assert show(guard, as_frame(back, LOOK_AGAIN_NS))[-1] is not None
    assert guard.fault is None


def test_a_moved_camera_is_corrected_where_the_robot_file_allows(
    textured: Any, known: KnownView, as_frame: AsFrame, pushed: Pushed
) -> None:
    guard = ViewGuard(known, replace(CONFIG, view="correct"))
    moved, before = textured.see(pushed((12, -8, 0), (0, 1, 0)), noise=0.0), textured.see(noise=0.0)
    passed = show(guard, as_frame(moved))[-1]
    assert passed is not None
    middle = np.s_[40:-40, 60:-60]
    off_before = np.abs(moved.rgb[middle].astype(int) - before.rgb[middle]).mean()
    off_after = np.abs(passed.rgb[middle].astype(int) - before.rgb[middle]).mean()
    assert off_after < 0.3 * off_before


def test_a_covered_camera_is_refused_with_the_reason(known: KnownView, as_frame: AsFrame, textured: Any) -> None:
    guard = ViewGuard(known, replace(CONFIG, view="correct"))
    dark = replace(textured.see(), rgb=np.zeros((240, 424, 3), np.uint8))
    assert show(guard, as_frame(dark))[-1] is None
    assert "cannot tell" in str(guard.fault)


def test_a_camera_opened_anew_is_looked_at_anew(
    textured: Any, known: KnownView, as_frame: AsFrame, pushed: Pushed
) -> None:
    guard = ViewGuard(known, CONFIG)
    show(guard, as_frame(textured.see()))
    guard.begin()
    assert show(guard, as_frame(textured.see(pushed((0, 9, 0), (0, 0, 0)))))[-1] is None
    assert guard.fault is not None


def test_a_camera_bumped_while_the_policy_acts_is_judged_anew(
    textured: Any, known: KnownView, as_frame: AsFrame, pushed: Pushed
) -> None:
    guard = ViewGuard(known, CONFIG, beside=lambda work: work())
    assert show(guard, as_frame(textured.see()), N_FRAMES + 1)[-1] is not None
    bumped = textured.see(pushed((9, 0, 0), (0, 0, 0)))
    instants = [LOOK_NS + k * AGAIN_NS for k in range(2 * N_FRAMES)]
    passed = [guard.take(as_frame(bumped, t_ns)) for t_ns in instants]
    assert passed[0] is not None  # nobody had looked yet
    assert passed[-1] is None
    assert "moved by 9" in str(guard.fault)
