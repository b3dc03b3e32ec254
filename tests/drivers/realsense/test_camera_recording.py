"""Recordings: one that the driver makes plays back bit by bit, and so does one of a real D435."""

from __future__ import annotations

import gc
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.camera_rig import camera_config, fed_until_open, opened, pictures, push, read_number
from drivers.realsense.camera import RealSenseCamera
from drivers.realsense.source import InjectedDevice, Recording
from drivers.realsense.warm_up import Exposure
from interfaces.errors import DeviceError, DeviceLostError, RefusedError
from interfaces.messages import Frame
from sim.camera.software_realsense import SoftwareRealSense

REAL_RECORDING = Path(__file__).parents[3] / "../shared/data/d435_depth_color_640x480.bag"
needs_real_recording = pytest.mark.skipif(
    not REAL_RECORDING.is_file(), reason=f"the recording of a real D435 is not at {REAL_RECORDING}"
)
PATIENT_MS = 30_000.0  # a busy machine may be slow to read a file


def played(
    path: Path, *, size_px: tuple[int, int] = (424, 240), rate_hz: int = 30
) -> tuple[list[Frame], RealSenseCamera]:
    """Return all frames of a recording, and the camera that played them."""
    asked = camera_config(size_px=size_px, rate_hz=rate_hz, stale_ms=PATIENT_MS)
    camera = RealSenseCamera(asked, Recording(path, real_time=False))
    camera.open()
    frames = list[Frame]()
    with pytest.raises(DeviceLostError, match="ended after"):
        read_on(camera, frames)
    return frames, camera


def read_on(camera: RealSenseCamera, frames: list[Frame]) -> None:
    """Read until the camera raises, collecting frames."""
    for _ in range(1000):
        frame = camera.read(0.1)
        if frame is not None:
            frames.append(frame)


def recorded(path: Path, numbers: range) -> None:
    """Let the driver record random pictures, stamped as evenly as a camera stamps them: playback pairs them by their stamps."""
    asked = camera_config(stale_ms=PATIENT_MS)
    software = SoftwareRealSense(asked)
    with opened(RealSenseCamera(asked, InjectedDevice(software.device), record_to=path), software) as camera:
        t_first_ns = time.monotonic_ns()
        for number in numbers:
            software.push(*pictures(number), t_first_ns + number * 1_000_000_000 // asked.rate_hz, number)
            read_number(camera, number)


def test_recording_made_by_the_driver_plays_back_bit_exact_every_time(tmp_path: Path) -> None:
    path = tmp_path / "frames.db3"
    recorded(path, range(1, 13))
    for _ in range(2):
        frames, player = played(path)
        assert [frame.number for frame in frames] == list(range(13))
        for frame in frames:
            rgb, depth_mm = pictures(frame.number)
            assert frame.depth_mm is not None
            assert np.array_equal(frame.rgb, rgb)
            assert np.array_equal(frame.depth_mm, depth_mm)
        assert player.health().clock == "hardware"  # its stamps tick, but are of another day
        facts = player.details
        assert facts is not None
        assert (facts.name, facts.serial, facts.stamp_domain) == ("Intel RealSense D435", "software", "global_time")
        assert facts.depth_unit_m == pytest.approx(0.001)


def test_instants_of_a_recording_rise_and_are_never_in_the_future(tmp_path: Path) -> None:
    path = tmp_path / "frames.db3"
    recorded(path, range(1, 13))
    frames, _ = played(path)
    stamps_ns = [frame.t_capture_ns for frame in frames]
    assert stamps_ns == sorted(set(stamps_ns))
    assert all(frame.t_capture_ns <= frame.t_arrival_ns for frame in frames)


def test_each_restart_makes_a_recording_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "frames.db3"
    asked = camera_config(stale_ms=500.0)
    software = SoftwareRealSense(asked)
    with opened(RealSenseCamera(asked, InjectedDevice(software.device), record_to=path), software) as camera:
        while camera.health().restarts == 0:
            camera.read(0.1)
        push(software, 1)
        read_number(camera, 1)
    gc.collect()
    assert {file.name for file in tmp_path.iterdir()} >= {"frames.db3", "frames-2.db3"}


@pytest.mark.parametrize(
    ("name", "says"), [("frames.bag", "a recording is a .db3 file"), ("there.db3", "exists already")]
)
def test_recording_that_cannot_be_made_is_refused_before_the_camera_starts(
    tmp_path: Path, name: str, says: str
) -> None:
    (tmp_path / "there.db3").touch()
    device = SoftwareRealSense(camera_config()).device
    with pytest.raises(RefusedError, match=says):
        RealSenseCamera(camera_config(), InjectedDevice(device), record_to=tmp_path / name).open()


def test_a_camera_opened_twice_asks_for_another_file(tmp_path: Path) -> None:
    path = tmp_path / "frames.db3"
    software = SoftwareRealSense(camera_config())
    camera = RealSenseCamera(camera_config(), InjectedDevice(software.device), record_to=path)
    with fed_until_open(software):
        camera.open()
        with pytest.raises(RefusedError, match="exists already"):
            camera.open()


def test_missing_recording_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"none\.db3\): no such file"):
        RealSenseCamera(camera_config(), Recording(tmp_path / "none.db3")).open()


@needs_real_recording
def test_recording_of_a_real_d435_plays_the_same_twice() -> None:
    [first], camera = played(REAL_RECORDING, size_px=(640, 480), rate_hz=6)
    [again], _ = played(REAL_RECORDING, size_px=(640, 480), rate_hz=6)
    assert first.depth_mm is not None
    assert again.depth_mm is not None
    assert (first.number, first.rgb.shape, first.depth_mm.shape) == (162, (480, 640, 3), (480, 640))
    assert np.array_equal(first.rgb, again.rgb)
    assert np.array_equal(first.depth_mm, again.depth_mm)
    assert 20 < first.rgb.mean() < 235
    known_mm = first.depth_mm[first.depth_mm > 0]
    assert known_mm.size > 0.3 * first.depth_mm.size
    assert 200 < np.median(known_mm) < 10_000
    assert (camera.health().domain, camera.health().clock) == ("hardware_clock", "hardware")
    assert camera.health().rejected == 0


@needs_real_recording
def test_recording_of_a_real_d435_tells_what_the_camera_was() -> None:
    _, camera = played(REAL_RECORDING, size_px=(640, 480), rate_hz=6)
    facts = camera.details
    assert facts is not None
    assert (facts.name, facts.firmware, facts.usb) == ("Intel RealSense D435", "05.09.14.00", "3.2")
    assert facts.stamp_domain == "hardware_clock"
    assert facts.exposure == Exposure(time=166, gain=64)  # of the colour frame's metadata
    assert facts.depth is not None
    assert (facts.colour.fx_px, facts.colour.fy_px) == (
        pytest.approx(613.204, abs=1e-3),
        pytest.approx(613.419, abs=1e-3),
    )
    assert (facts.colour.cx_px, facts.colour.cy_px) == (
        pytest.approx(319.939, abs=1e-3),
        pytest.approx(239.183, abs=1e-3),
    )
    assert (facts.depth.fx_px, facts.depth.distortion) == (pytest.approx(390.431, abs=1e-3), "Brown Conrady")
    assert facts.depth_unit_m == pytest.approx(0.001)
    assert facts.colour_from_depth_m is not None
    assert 0.010 < abs(facts.colour_from_depth_m[0]) < 0.020  # a D435's colour camera sits 15 mm beside its left imager
    assert facts.colour_from_depth_rad is not None
    assert 0 < max(map(abs, facts.colour_from_depth_rad)) < 0.02  # and looks the same way, but for how it was mounted


@needs_real_recording
def test_real_depth_is_filtered_and_aligned_to_real_colour() -> None:
    asked = replace(
        camera_config(size_px=(640, 480), rate_hz=6, stale_ms=PATIENT_MS),
        align_depth=True,
        filters=("spatial", "temporal", "hole_filling"),
    )
    camera = RealSenseCamera(asked, Recording(REAL_RECORDING, real_time=False))
    camera.open()
    frame = camera.read(60.0)
    camera.close()
    assert frame is not None
    assert frame.depth_mm is not None
    assert frame.depth_mm.shape == (480, 640)
    assert np.mean(frame.depth_mm > 0) > 0.9  # holes are filled
    assert camera.details is not None
    assert camera.details.depth == camera.details.colour


@needs_real_recording
def test_stream_that_a_recording_lacks_is_named_with_those_it_has() -> None:
    camera = RealSenseCamera(camera_config(), Recording(REAL_RECORDING))
    with pytest.raises(DeviceError, match="does not offer colour 424x240 at 30 Hz; it offers 640x480 at 6 Hz"):
        camera.open()
