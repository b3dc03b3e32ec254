"""Depth of its own size, filtered, aligned: through the driver and librealsense's own filters, on pictures whose answer is known."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.camera_rig import camera_config, opened, read_number
from drivers.realsense.camera import RealSenseCamera
from drivers.realsense.facts import RealSenseFacts
from drivers.realsense.source import InjectedDevice
from interfaces.camera_config import DEPTH_FILTERS, CameraConfig
from interfaces.messages import DepthMm
from sim.camera.software_realsense import SoftwareRealSense

FAR_MM = 65_535


def seen(asked: CameraConfig, depth_units: DepthMm, *, model: str = "D435") -> tuple[DepthMm, RealSenseFacts]:
    """Return what the driver makes of this depth, and what it says of its pictures."""
    software = SoftwareRealSense(asked, model=model)
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (asked.height_px, asked.width_px, 3), np.uint8)
    camera, n_frames = RealSenseCamera(asked, InjectedDevice(software.device)), 20
    with opened(camera, software):
        for number in range(1, n_frames):  # for filters that remember the random picture they were opened with
            software.push(rgb, depth_units, time.monotonic_ns(), number)
            read_number(camera, number)
        software.push(rgb, depth_units, time.monotonic_ns(), n_frames)
        frame = read_number(camera, n_frames)
    np.testing.assert_array_equal(frame.rgb, rgb)  # colour is left alone
    assert frame.depth_mm is not None
    assert camera.details is not None
    return frame.depth_mm, camera.details


def asked(**changes: Any) -> CameraConfig:
    return replace(camera_config(stale_ms=5000.0), **changes)


def ramp(width_px: int, height_px: int, *, left: int, right: int) -> DepthMm:
    """Return depth that changes from the left column to the right."""
    return np.tile(np.linspace(left, right, width_px).astype(np.uint16), (height_px, 1))


def test_depth_may_be_larger_than_colour() -> None:
    depth_mm = ramp(848, 480, left=500, right=2000)
    got_mm, facts = seen(asked(depth_width_px=848, depth_height_px=480), depth_mm)
    np.testing.assert_array_equal(got_mm, depth_mm)
    assert facts.depth is not None
    assert (facts.depth.width_px, facts.depth.height_px, facts.colour.width_px) == (848, 480, 424)


def test_aligned_depth_is_seen_as_by_the_colour_camera() -> None:
    depth_mm = ramp(848, 480, left=500, right=2000)
    got_mm, facts = seen(asked(depth_width_px=848, depth_height_px=480, align_depth=True), depth_mm)
    assert got_mm.shape == (240, 424)
    assert facts.depth == facts.colour
    # Both cameras of the software device stand in the same place: every second pixel, or its neighbour.
    inside = got_mm[4:-4, 4:-4].astype(int)
    step_mm = 1500 / 848
    assert np.abs(inside - depth_mm[::2, ::2][4:-4, 4:-4]).max() <= 3 * step_mm + 1


def test_decimation_halves_the_size_and_says_so() -> None:
    got_mm, facts = seen(asked(filters=("decimation",)), ramp(424, 240, left=500, right=2000))
    assert got_mm.shape == (120, 212)
    assert np.abs(got_mm - ramp(212, 120, left=500, right=2000).astype(int)).max() <= 8
    assert facts.depth is not None
    assert (facts.depth.width_px, facts.depth.fx_px) == (212, pytest.approx(facts.colour.fx_px / 2))


def test_decimation_pads_what_does_not_divide_with_unknown() -> None:
    size = {"width_px": 480, "height_px": 270}
    got_mm, _ = seen(asked(filters=("decimation",), **size), np.full((270, 480), 1000, np.uint16))
    assert got_mm.shape == (136, 240)
    assert np.all(got_mm[:135] == 1000)
    assert np.all(got_mm[135:] == 0)


def test_decimated_and_aligned_depth_has_the_size_of_colour() -> None:
    got_mm, _ = seen(asked(filters=("decimation",), align_depth=True), np.full((240, 424), 1000, np.uint16))
    assert got_mm.shape == (240, 424)
    assert np.mean(got_mm == 1000) > 0.95


def test_threshold_makes_near_and_far_unknown() -> None:
    depth_mm = ramp(424, 240, left=100, right=3000)
    got_mm, _ = seen(asked(filters=("threshold",), depth_min_m=0.5, depth_max_m=1.5), depth_mm)
    inside = (depth_mm > 501) & (depth_mm < 1499)
    outside = (depth_mm < 499) | (depth_mm > 1501)
    np.testing.assert_array_equal(got_mm[inside], depth_mm[inside])
    assert np.all(got_mm[outside] == 0)


def test_threshold_without_limits_has_those_of_librealsense() -> None:
    got_mm, _ = seen(asked(filters=("threshold",)), ramp(424, 240, left=10, right=6000))
    assert (got_mm[got_mm > 0].min() >= 99, got_mm.max() <= 4000) == (True, True)


def test_spatial_filter_smooths_noise_and_leaves_an_edge() -> None:
    rng = np.random.default_rng(1)
    depth_mm = np.full((240, 424), 1000, np.uint16)
    depth_mm[:, 212:] = 2000
    noisy_mm = (depth_mm + rng.integers(-8, 9, depth_mm.shape)).astype(np.uint16)
    got_mm, _ = seen(asked(filters=("spatial",)), noisy_mm)
    near, far = got_mm[:, 20:190].astype(int), got_mm[:, 240:400].astype(int)
    assert near.std() < 0.7 * noisy_mm[:, 20:190].std()
    assert abs(near.mean() - 1000) < 3
    assert abs(far.mean() - 2000) < 10


def test_holes_are_filled() -> None:
    depth_mm = np.full((240, 424), 1000, np.uint16)
    depth_mm[100:110, 200:210] = 0
    assert np.all(seen(asked(filters=("hole_filling",)), depth_mm)[0] == 1000)


@pytest.mark.parametrize("model", ["D435", "D405"])
def test_all_filters_together_keep_the_scale_of_every_model(model: str) -> None:
    units = np.full((240, 424), 3457, np.uint16)
    got_mm, facts = seen(asked(filters=DEPTH_FILTERS), units, model=model)
    assert got_mm.shape == (120, 212)
    expected_mm = 3457 if model == "D435" else 345.7
    assert np.abs(got_mm.astype(float) - expected_mm).max() <= (
        6 if model == "D435" else 1
    )  # disparity is counted in 1/32 pixels
    assert facts.depth_unit_m == pytest.approx(0.001 if model == "D435" else 0.0001)


def test_the_order_in_the_robot_file_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    depth_mm = rng.integers(300, 3000, (240, 424), np.uint16)
    backwards = tuple(reversed(DEPTH_FILTERS))
    np.testing.assert_array_equal(
        seen(asked(filters=DEPTH_FILTERS), depth_mm)[0], seen(asked(filters=backwards), depth_mm)[0]
    )


def test_farther_than_a_frame_can_say_is_as_far_as_it_can() -> None:
    got_mm, _ = seen(asked(), np.full((240, 424), FAR_MM, np.uint16))
    assert np.all(got_mm == FAR_MM)
