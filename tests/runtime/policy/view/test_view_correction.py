"""A corrected picture shows the table where it was; what cannot be known is the border's colour, or no depth."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from interfaces.messages import Frame
from runtime.policy.view.pinhole import Array, Pinhole
from runtime.policy.view.view_correction import ViewCorrection

Pushed = Callable[..., Array]


def inverse(pose: Array) -> Array:
    """Return child_from_parent (4, 4)."""
    return np.linalg.inv(pose).astype(np.float64)


def corrected(table: Any, then_from_now: Array) -> ViewCorrection:
    """Return the correction of a known motion."""
    return ViewCorrection(inverse(then_from_now), table.plane(), table.pinhole)


def test_nothing_moved_nothing_changed(textured: Any, pushed: Pushed) -> None:
    picture = textured.see()
    correction = corrected(textured, pushed((0, 0, 0), (0, 0, 0)))
    assert np.array_equal(correction.picture(picture.rgb), picture.rgb)
    assert np.array_equal(correction.depth(picture.depth_mm), picture.depth_mm)


@pytest.mark.parametrize("push", [((20, -10, 5), (0, 0, 0)), ((0, 0, 0), (1, -2, 3)), ((15, 15, -15), (-1, 1, 2))])
def test_the_table_comes_to_lie_where_it_lay(textured: Any, pushed: Pushed, push: tuple[Any, Any]) -> None:
    before = textured.see(noise=0.0)
    now = textured.see(pushed(*push), noise=0.0)
    correction = corrected(textured, pushed(*push))
    rgb, depth_mm = correction.picture(now.rgb), correction.depth(now.depth_mm)
    middle = np.s_[50:-50, 80:-80]
    off_before = np.abs(now.rgb[middle].astype(int) - before.rgb[middle])
    off_after = np.abs(rgb[middle].astype(int) - before.rgb[middle])
    assert off_after.mean() < 0.25 * off_before.mean()
    assert np.percentile(off_after, 75) <= 6
    assert np.abs(depth_mm[middle].astype(int) - before.depth_mm[middle]).max() <= 2


def test_what_was_not_seen_has_no_depth_and_the_borders_colour(textured: Any, pushed: Pushed) -> None:
    picture = textured.see()
    picture.rgb[:, 0] = (1, 2, 3)
    correction = corrected(textured, pushed((0, 0, 0), (0, 8, 0)))  # it looks to the right now
    assert (correction.depth(picture.depth_mm)[100:140, :20] == 0).all()
    assert (correction.picture(picture.rgb)[100:140, :20] == (1, 2, 3)).all()


def test_a_lens_with_distortion_is_allowed_for(textured: Any, pushed: Pushed) -> None:
    lens = replace(textured.pinhole.intrinsics, distortion=(-0.2, 0.05, 0.001, -0.001, 0.0))
    bent, then_from_now = Pinhole(lens), pushed((0, 0, 0), (0, 2, 0))
    straight_motion = ViewCorrection(inverse(then_from_now), textured.plane(), bent)
    # A point seen through the lens before and after: the corrected picture has it at its old place.
    points_m = textured.plane().points_on(textured.pinhole.rays(np.array([[150.0, 100.0], [260.0, 140.0]])))
    rgb = np.zeros((240, 424, 3), np.uint8)
    now_from_then = inverse(then_from_now)
    before, after = (_seen(bent, points) for points in (points_m, points_m @ now_from_then[:3, :3].T))
    for column, row in np.rint(after).astype(int):
        rgb[row - 1 : row + 2, column - 1 : column + 2] = 255
    rows, columns = np.nonzero(straight_motion.picture(rgb)[..., 0] > 128)
    for column, row in before:
        assert np.hypot(columns - column, rows - row).min() < 1.2


def test_a_frame_is_corrected_whole_and_a_depth_of_another_size_left_out(
    textured: Any, pushed: Pushed, as_frame: Callable[..., Frame]
) -> None:
    picture = textured.see()
    correction = corrected(textured, pushed((10, 0, 0), (0, 0, 0)))
    frame = correction.corrected(as_frame(picture, 77))
    assert frame.t_capture_ns == 77
    assert frame.rgb.flags.c_contiguous
    assert frame.depth_mm is not None
    assert correction.corrected(replace(frame, depth_mm=frame.depth_mm[::2, ::2])).depth_mm is None


def _seen(lens: Pinhole, points_m: Array) -> Array:
    import cv2

    seen, _ = cv2.projectPoints(points_m, np.zeros(3), np.zeros(3), lens.matrix, np.array(lens.intrinsics.distortion))
    return np.asarray(seen, np.float64)[:, 0]
