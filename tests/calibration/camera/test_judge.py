"""Which lens is believed: the maker's where it is right, another where it is not, none where the board was shown badly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from calibration.board.board import BoardCorners
from calibration.camera.judge import judge
from interfaces.calibration.record import Check
from interfaces.device_facts import CameraIntrinsics
from interfaces.errors import RefusedError

Shown = Callable[[CameraIntrinsics, int, float, np.random.Generator], list[BoardCorners]]
SIZE_PX = (1280, 720)


@pytest.mark.parametrize("noise_px", [0.02, 0.1, 0.3])
def test_right_makers_values_are_believed(shown: Shown, maker: CameraIntrinsics, noise_px: float) -> None:
    judgement = judge(shown(maker, 28, noise_px, np.random.default_rng(1)), SIZE_PX, maker)
    assert judgement.passed
    assert judgement.source == "factory"
    assert judgement.intrinsics == maker


@pytest.mark.parametrize(
    "wrong",
    [
        {"focal_x_px": 912.0 * 1.02, "focal_y_px": 911.0 * 1.02},
        {"focal_x_px": 912.0 * 0.993, "focal_y_px": 911.0 * 0.993},
        {"centre_x_px": 655.0},
        {"distortion": (0.05, -0.1, 0.0, 0.0, 0.0)},
    ],
)
def test_wrong_ones_are_found_and_better_ones_estimated(
    shown: Shown, maker: CameraIntrinsics, wrong: dict[str, float]
) -> None:
    true = replace(maker, **wrong)
    judgement = judge(shown(true, 28, 0.1, np.random.default_rng(2)), SIZE_PX, maker)
    assert judgement.passed
    assert judgement.source == "estimated"
    assert not all(check.passed for check in judgement.against_factory)
    assert judgement.intrinsics.focal_x_px == pytest.approx(true.focal_x_px, rel=0.002)
    assert judgement.intrinsics.centre_x_px == pytest.approx(true.centre_x_px, abs=1.5)


def test_a_camera_that_tells_nothing_is_always_estimated(shown: Shown, maker: CameraIntrinsics) -> None:
    judgement = judge(shown(maker, 28, 0.1, np.random.default_rng(3)), SIZE_PX, None)
    assert judgement.passed
    assert judgement.source == "estimated"
    assert judgement.intrinsics.focal_y_px == pytest.approx(maker.focal_y_px, rel=0.002)


def test_a_board_shown_badly_is_not_enough(shown: Shown, maker: CameraIntrinsics) -> None:
    views = shown(maker, 28, 0.1, np.random.default_rng(4))
    bad = Check(name="picture without corners", value=0.5, limit=0.2, unit="ratio")
    assert not judge(views, SIZE_PX, maker, (bad,)).passed
    assert not judge(shown(maker, 28, 0.8, np.random.default_rng(5)), SIZE_PX, maker).passed  # blurred
    with pytest.raises(RefusedError, match="11 views of the board"):
        judge(views[:11], SIZE_PX, maker)


def test_a_board_shown_straight_on_only_does_not_tell_the_focal_length(maker: CameraIntrinsics, shown: Shown) -> None:
    rng = np.random.default_rng(6)
    flat = [views[4] for views in (shown(maker, 5, 0.1, rng) for _ in range(20))]  # each fifth leans nowhere
    judgement = judge(flat, SIZE_PX, None)
    assert not judgement.passed
