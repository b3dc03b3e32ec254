"""The motion in pictures: to a fraction of a pixel, and only of what moves with the joint."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.latency.chirp import chirp_rad
from calibration.latency.picture_motion import NoMotionError, follow_points, motion_of, shrunk
from calibration.signals.lag_fit import Signal
from tests.calibration.latency.delayed_arm import moved_patch, texture

LAGS_S = (-0.2, 0.2)
WAY = chirp_rad(0.07, 8.0, 100.0)
JOINT = Signal(t_s=np.arange(len(WAY)) / 100, value=WAY)
T_S = np.arange(0.0, 8.0, 1 / 15)


def pictures(px_per_rad: float, *, passer_by: bool = False) -> list[np.ndarray]:
    """Return a patch that goes with the joint, and perhaps another that goes its own way."""
    rng = np.random.default_rng(3)
    background, patch, other = texture(rng, 120, 160), texture(rng, 60, 50), texture(rng, 60, 30)
    seen: list[np.ndarray] = []
    for t_s, place in zip(T_S, JOINT.at(T_S), strict=True):
        picture = moved_patch(background, patch, 20 + px_per_rad * place)
        if passer_by:
            picture = moved_patch(picture, other, 110 + 12 * float(np.sin(2.9 * t_s)))
        seen.append(np.clip(picture + rng.normal(0, 2, picture.shape), 0, 255).astype(np.uint8))
    return seen


def test_a_motion_of_some_pixels_is_seen_to_a_tenth() -> None:
    motion = motion_of(follow_points(pictures(60.0)), T_S, JOINT, lag_range_s=LAGS_S, height_px=120)
    slope, offset = np.polyfit(JOINT.at(T_S), motion.signal.value, 1)
    assert abs(slope) == pytest.approx(60.0, rel=0.25)  # a corner at the patch's edge sees the table too
    assert np.std(motion.signal.value - slope * JOINT.at(T_S) - offset) < 0.1
    assert motion.row_ratio == pytest.approx(0.5, abs=0.2)


def test_who_passes_by_is_left_aside() -> None:
    motion = motion_of(follow_points(pictures(60.0, passer_by=True)), T_S, JOINT, lag_range_s=LAGS_S, height_px=120)
    assert motion.points_px[:, 0].max() < 85
    assert abs(np.corrcoef(JOINT.at(T_S), motion.signal.value)[0, 1]) > 0.995


def test_a_joint_that_moves_nothing_in_sight_is_not_seen() -> None:
    with pytest.raises(NoMotionError, match="does the camera see"):
        motion_of(follow_points(pictures(0.0)), T_S, JOINT, lag_range_s=LAGS_S, height_px=120)


def test_a_picture_without_corners_is_refused() -> None:
    with pytest.raises(NoMotionError, match="0 corners"):
        follow_points([np.full((120, 160), 90, np.uint8)] * 3)


def test_large_pictures_are_shrunk() -> None:
    assert shrunk(np.zeros((720, 1280, 3), np.uint8)).shape == (360, 640)
    assert shrunk(np.zeros((240, 424, 3), np.uint8)).shape == (240, 424)
