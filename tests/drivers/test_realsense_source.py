"""Where pictures come from: recordings, among them one of a real D435, and the choice among connected cameras."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.camera_rig import LONG_S, camera_config
from drivers.realsense import RealSenseCamera
from drivers.realsense_source import FoundCamera, Recording, choose_camera
from interfaces.errors import DeviceError, DeviceLostError

REAL_RECORDING = Path(__file__).parents[2] / "../shared/data/d435_depth_color_640x480.bag"


@pytest.mark.skipif(not REAL_RECORDING.is_file(), reason=f"the recording of a real D435 is not at {REAL_RECORDING}")
def test_recording_of_a_real_d435_plays() -> None:
    camera = RealSenseCamera(camera_config(size_px=(640, 480), rate_hz=6), Recording(REAL_RECORDING, real_time=False))
    camera.open()
    frame = camera.read(LONG_S)
    assert frame is not None
    assert frame.depth_mm is not None
    assert (frame.number, frame.rgb.shape, frame.depth_mm.shape) == (162, (480, 640, 3), (480, 640))
    assert 20 < frame.rgb.mean() < 235
    known_mm = frame.depth_mm[frame.depth_mm > 0]
    assert known_mm.size > 0.3 * frame.depth_mm.size
    assert 200 < np.median(known_mm) < 10_000
    with pytest.raises(DeviceLostError, match="ended after 1 frames"):
        assert camera.read(LONG_S) is None


@pytest.mark.skipif(not REAL_RECORDING.is_file(), reason=f"the recording of a real D435 is not at {REAL_RECORDING}")
def test_stream_that_the_source_lacks_is_named() -> None:
    camera = RealSenseCamera(camera_config(), Recording(REAL_RECORDING))
    with pytest.raises(DeviceError, match="does not offer colour 424x240 at 30 Hz; it offers 640x480 at 6 Hz"):
        camera.open()


def test_missing_recording_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"none\.db3\): no such file"):
        RealSenseCamera(camera_config(), Recording(tmp_path / "none.db3")).open()


D435 = FoundCamera(name="Intel RealSense D435", serial="111", usb="3.2")
D405 = FoundCamera(name="Intel RealSense D405", serial="222", usb="2.1")


@pytest.mark.parametrize(
    ("serial", "found", "message"),
    [
        ("333", [D435, D405], "no RealSense with serial 333 found .*D435 111 on USB 3.2, .*D405 222"),
        ("", [D435, D405], "several RealSense found .*serial"),
        ("222", [D435, D405], "D405 222 on USB 2.1: needs USB 3"),
    ],
)
def test_camera_that_cannot_be_chosen(serial: str, found: list[FoundCamera], message: str) -> None:
    with pytest.raises(DeviceError, match=message):
        choose_camera(serial, found)


def test_camera_chosen_by_serial_or_as_the_only_one() -> None:
    assert choose_camera("111", [D435, D405]) is D435
    assert choose_camera("", [D435]) is D435
