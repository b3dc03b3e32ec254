"""A lens carried to another size of the same camera's stream: scaled, cropped, or refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from calibration.camera.stream_size import at_other_size
from interfaces.device_facts import CameraIntrinsics
from interfaces.errors import RefusedError


def test_a_crop_that_is_scaled_too_is_carried_over_as_the_maker_does(maker: CameraIntrinsics) -> None:
    # 640x480 as a D435 makes it: 960x720 of the middle, two thirds of the size.
    there = CameraIntrinsics(
        width_px=640,
        height_px=480,
        focal_x_px=912.0 * 2 / 3,
        focal_y_px=911.0 * 2 / 3,
        centre_x_px=(641.0 + 0.5 - 160) * 2 / 3 - 0.5,
        centre_y_px=(358.0 + 0.5) * 2 / 3 - 0.5,
    )
    lens = replace(maker, focal_x_px=930.0, centre_x_px=650.0, distortion=(0.05, -0.1, 0.001, 0.0, 0.0))
    found = at_other_size(lens, maker, there)
    assert (found.width_px, found.height_px) == (640, 480)
    assert found.focal_x_px == pytest.approx(620.0)
    assert found.centre_x_px == pytest.approx((650.0 + 0.5 - 160) * 2 / 3 - 0.5)
    assert found.centre_y_px == pytest.approx(there.centre_y_px)
    assert found.distortion == lens.distortion


def test_a_camera_that_does_not_tell_is_refused(maker: CameraIntrinsics) -> None:
    with pytest.raises(RefusedError, match="at the size it is used at"):
        at_other_size(maker, None, None)
    with pytest.raises(RefusedError, match="640x480 among values of 1280x720"):
        at_other_size(replace(maker, width_px=640, height_px=480), maker, maker)
