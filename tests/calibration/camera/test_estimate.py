"""The lens estimated from projected corners: against the lens they were projected with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from calibration.board.board import BoardCorners
from calibration.camera.estimate import estimate_lens, fit_of, guess, held_out, without_strays
from interfaces.device_facts import CameraIntrinsics
from interfaces.errors import DeviceError

Shown = Callable[[CameraIntrinsics, int, float, np.random.Generator], list[BoardCorners]]


def test_without_noise_the_lens_is_found_exactly_from_a_guess(shown: Shown, maker: CameraIntrinsics) -> None:
    lens = replace(maker, distortion=(0.08, -0.2, 0.0005, -0.0003, 0.0))
    views = shown(lens, 20, 0.0, np.random.default_rng(1))
    found = estimate_lens(views, guess(1280, 720))
    assert found.intrinsics.focal_x_px == pytest.approx(lens.focal_x_px, rel=1e-5)
    assert found.intrinsics.centre_y_px == pytest.approx(lens.centre_y_px, abs=0.01)
    assert found.intrinsics.distortion == pytest.approx(lens.distortion, abs=1e-4)
    assert found.rms_px < 1e-3
    assert fit_of(views, found.intrinsics).rms_px < 1e-3


def test_sigmas_tell_how_far_off_estimates_are(shown: Shown, maker: CameraIntrinsics) -> None:
    rng = np.random.default_rng(2)
    ratios: list[float] = []
    for _ in range(8):
        found = estimate_lens(shown(maker, 16, 0.1, rng), maker)
        ratios.append((found.intrinsics.focal_x_px - maker.focal_x_px) / found.focal_sigma_px[0])
        ratios.append((found.intrinsics.centre_x_px - maker.centre_x_px) / found.centre_sigma_px[0])
    assert 0.5 < np.sqrt(np.mean(np.square(ratios))) < 1.7


def test_corners_that_are_none_are_left_out(shown: Shown, maker: CameraIntrinsics) -> None:
    views = shown(maker, 16, 0.05, np.random.default_rng(3))
    views[4].pixels[3] += (6.0, 2.0)
    views[7].pixels[10] += (-3.0, 0.0)
    kept = without_strays(views, estimate_lens(views, maker).intrinsics)
    assert views[4].ids[3] not in kept[4].ids
    assert views[7].ids[10] not in kept[7].ids
    assert sum(len(v.ids) for v in views) - sum(len(v.ids) for v in kept) <= 4


def test_every_fourth_view_is_held_out(shown: Shown, maker: CameraIntrinsics) -> None:
    views = shown(maker, 13, 0.0, np.random.default_rng(4))
    used, judged_by = held_out(views)
    assert judged_by == [views[3], views[7], views[11]]
    assert len(used) == 10


def test_what_no_lens_explains_is_said(maker: CameraIntrinsics) -> None:
    with pytest.raises(DeviceError, match="no lens explains the 0 views"):
        estimate_lens([], maker)
