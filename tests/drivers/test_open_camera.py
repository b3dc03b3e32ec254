"""Opening a camera by its robot file."""

from __future__ import annotations

import time

import pytest

from bench.camera_rig import camera_config
from drivers.open_camera import open_camera
from drivers.realsense.source import find_cameras
from interfaces.camera_config import CameraConfig
from interfaces.errors import DeviceLostError, RefusedError


def test_missing_camera_is_reported_at_once() -> None:
    if find_cameras():
        pytest.skip("a RealSense is connected to this machine")
    t_start_ns = time.monotonic_ns()
    with pytest.raises(DeviceLostError, match=r"camera front.*no RealSense found \(found: none\)"):
        open_camera(camera_config()).open()
    assert time.monotonic_ns() - t_start_ns < 10e9  # librealsense itself needs 15 s to say so


def test_simulated_camera_is_refused_here() -> None:
    asked = CameraConfig(
        name="front",
        driver="simulated",
        serial="",
        width_px=1,
        height_px=1,
        rate_hz=1,
        depth=False,
        latency_ms=0.0,
        stale_ms=1.0,
        frozen_ms=0.0,
    )
    with pytest.raises(RefusedError, match="forerun policy"):
        open_camera(asked)
