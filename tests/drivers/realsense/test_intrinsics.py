"""A RealSense's lens by OpenCV's model: librealsense projects rays, OpenCV projects the same, and they must arrive together."""

from __future__ import annotations

import cv2
import numpy as np
import pyrealsense2 as rs
import pytest
from numpy.typing import NDArray

from drivers.realsense.intrinsics import opencv_intrinsics
from interfaces.device_facts import CameraIntrinsics

Array = NDArray[np.float64]
COLOUR_D455 = [-0.0561, 0.0667, -0.0006, 0.0004, -0.0211]  # of the size that D405 and D455 tell
SIZE_PX = (640, 480)


def lens(model: rs.distortion, coefficients: list[float]) -> rs.intrinsics:
    intrinsics = rs.intrinsics()
    intrinsics.width, intrinsics.height = SIZE_PX
    intrinsics.fx, intrinsics.fy, intrinsics.ppx, intrinsics.ppy = 388.2, 387.9, 322.7, 241.4
    intrinsics.model, intrinsics.coeffs = model, coefficients
    return intrinsics


def projected(told: CameraIntrinsics, rays: Array) -> Array:
    matrix = np.array([
        [told.focal_x_px, 0.0, told.centre_x_px], [0.0, told.focal_y_px, told.centre_y_px], [0.0, 0.0, 1.0]
    ])  # fmt: skip
    pixels, _ = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), matrix, np.array(told.distortion))
    return np.asarray(pixels, np.float64).reshape(-1, 2)


@pytest.mark.parametrize(
    "model",
    [rs.distortion.brown_conrady, rs.distortion.inverse_brown_conrady, rs.distortion.modified_brown_conrady],
)
def test_opencv_projects_as_librealsense_does(model: rs.distortion) -> None:
    intrinsics = lens(model, COLOUR_D455)
    told = opencv_intrinsics(intrinsics)
    assert told is not None
    rng = np.random.default_rng(5)
    flat = np.stack([rng.uniform(-0.8, 0.8, 300), rng.uniform(-0.6, 0.6, 300), np.ones(300)], axis=1)
    theirs = np.array([rs.rs2_project_point_to_pixel(intrinsics, ray) for ray in flat.tolist()])
    np.testing.assert_allclose(projected(told, flat), theirs, atol=0.05)


def test_opencvs_own_model_keeps_its_coefficients() -> None:
    told = opencv_intrinsics(lens(rs.distortion.brown_conrady, COLOUR_D455))
    assert told is not None
    assert told.distortion == pytest.approx(COLOUR_D455, abs=1e-5)


@pytest.mark.parametrize("model", [rs.distortion.none, rs.distortion.inverse_brown_conrady])
def test_zeros_mean_no_distortion_in_every_model(model: rs.distortion) -> None:
    told = opencv_intrinsics(lens(model, [0.0] * 5))
    assert told is not None
    assert told.distortion == (0.0,) * 5
    assert (told.width_px, told.height_px) == SIZE_PX
    assert (told.focal_x_px, told.centre_y_px) == pytest.approx((388.2, 241.4))


def test_a_lens_that_opencvs_model_cannot_describe_is_not_described() -> None:
    fisheye = lens(rs.distortion.kannala_brandt4, [0.4, -0.3, 0.2, -0.1, 0.0])
    fisheye.fx = fisheye.fy = 190.0
    assert opencv_intrinsics(fisheye) is None


def test_a_lens_of_which_nothing_is_known_is_none() -> None:
    assert opencv_intrinsics(rs.intrinsics()) is None
