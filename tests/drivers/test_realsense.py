"""The driver against a real librealsense pipeline, fed by a software device and by a recording it made."""

from __future__ import annotations

import gc
import time
from pathlib import Path
from typing import Literal

import numpy as np
import pyrealsense2 as rs
import pytest

from bench.camera_rig import (
    LATENCY_MS,
    LONG_S,
    camera_config,
    fed_until_open,
    opened,
    pictures,
    push,
    read_number,
    software_camera,
)
from drivers import realsense
from drivers.clock_mapping import SETTLED_FRAMES
from drivers.realsense import RealSenseCamera
from drivers.realsense_source import InjectedDevice, Recording
from interfaces.errors import DeviceLostError
from interfaces.messages import Frame
from sim.software_realsense import SoftwareRealSense


def read_on(camera: RealSenseCamera, seen: list[Frame]) -> None:
    """Read until the camera raises, collecting frames."""
    for _ in range(1000):
        frame = camera.read(0.1)
        if frame is not None:
            seen.append(frame)


class CountedSource:
    """A source that counts how often a pipeline was tied to it."""

    replays = False
    warm_up_frames = 0

    def __init__(self, device: rs.device) -> None:
        self._source = InjectedDevice(device)
        self.label = self._source.label
        self.attached = 0
        self.failure: RuntimeError | None = None
        self.pipeline: rs.pipeline | None = None

    def attach(self, pipeline: rs.pipeline, config: rs.config) -> None:
        self.attached += 1
        if self.failure:
            raise self.failure
        self.pipeline = pipeline
        self._source.attach(pipeline, config)

    def ended(self) -> bool:
        return False


def test_pictures_arrive_bit_exact() -> None:
    with software_camera(camera_config()) as (camera, software):
        for number in range(1, 6):
            push(software, number)
            frame = read_number(camera, number)
            rgb, depth_mm = pictures(number)
            assert frame.depth_mm is not None
            np.testing.assert_array_equal(frame.rgb, rgb)
            np.testing.assert_array_equal(frame.depth_mm, depth_mm)
            assert (frame.camera, frame.rgb.dtype, frame.depth_mm.dtype) == ("front", np.uint8, np.uint16)
        health = camera.health()
        assert (health.frames, health.lost, health.rejected, health.clock) == (6, 0, 0, "global")


def test_colour_alone() -> None:
    with software_camera(camera_config(depth=False)) as (camera, software):
        push(software, 1)
        assert read_number(camera, 1).depth_mm is None


def test_newest_wins_when_the_reader_is_slow() -> None:
    with software_camera(camera_config()) as (camera, software):
        for number in range(1, 11):
            push(software, number)
        first = camera.read(LONG_S)
        assert first is not None
        assert first.number >= 9  # the last may still be on its way through librealsense's threads
        if first.number == 9:
            read_number(camera, 10)
        assert camera.read(0.0) is None  # nothing old is left
        assert camera.health().lost >= 8


def test_kept_frames_stay_as_they_were_and_starve_nobody() -> None:
    with software_camera(camera_config()) as (camera, software):
        kept = list[Frame]()
        for number in range(1, 101):
            push(software, number)
            kept.append(read_number(camera, number))
        for frame in kept:
            rgb, depth_mm = pictures(frame.number)
            assert frame.depth_mm is not None
            assert np.array_equal(frame.rgb, rgb)
            assert np.array_equal(frame.depth_mm, depth_mm)
            for pixels in (frame.rgb, frame.depth_mm):
                # A view into librealsense's memory would hold a frame of a real camera's pool of 16.
                assert pixels.flags.owndata
                assert not pixels.flags.writeable


@pytest.mark.parametrize("clock", ["global", "hardware"])
def test_capture_time_is_the_injected_one(clock: Literal["global", "hardware"]) -> None:
    with software_camera(camera_config(), clock) as (camera, software):
        errors_ms = list[float]()
        for number in range(1, 31):
            t_capture_ns = push(software, number)
            frame = read_number(camera, number)
            errors_ms.append((frame.t_capture_ns - t_capture_ns) / 1e6)
            assert frame.t_capture_ns < frame.t_arrival_ns <= time.monotonic_ns()
        # A minimum filter is as good as the luckiest frame so far.
        assert max(abs(error) for error in errors_ms[15:]) < 1.0, errors_ms
        assert (camera.health().clock, camera.health().rejected) == (clock, 0)


def test_frame_that_waited_for_its_reader_is_not_taken_for_fresh() -> None:
    with software_camera(camera_config(stale_ms=100.0), "hardware") as (camera, software):
        for number in range(1, 6):
            push(software, number)
            read_number(camera, number)
        t_capture_ns = push(software, 6)
        time.sleep(0.3)
        frame = camera.read(LONG_S)
        assert frame is not None
        assert frame.t_capture_ns == pytest.approx(t_capture_ns, abs=50e6)
        assert frame.t_arrival_ns - frame.t_capture_ns > 300e6


def test_stamp_from_the_future_is_replaced_and_counted() -> None:
    with software_camera(camera_config()) as (camera, software):
        t_now_ns = time.monotonic_ns()
        software.push(*pictures(1), t_now_ns + 10**9, 1)
        frame = read_number(camera, 1)
        assert t_now_ns - LATENCY_MS * 1e6 - 1e6 <= frame.t_capture_ns < frame.t_arrival_ns
        assert (camera.health().rejected, camera.health().clock) == (1, "arrival")


@pytest.mark.parametrize("step_s", [5, -5])
def test_stamps_that_jump_for_good_are_rejected_then_mapped_by_arrival(step_s: int) -> None:
    with software_camera(camera_config()) as (camera, software):
        for number in range(1, 31):
            push(software, number)
            read_number(camera, number)
        assert (camera.health().rejected, camera.health().clock) == (0, "global")
        n_rejected = list[int]()
        for number in range(31, 81):
            t_push_ns = time.monotonic_ns()
            t_capture_ns = t_push_ns - round(LATENCY_MS * 1e6)
            software.push(*pictures(number), t_capture_ns + step_s * 10**9, number)
            frame = read_number(camera, number)
            assert t_capture_ns - LONG_S * 1e9 < frame.t_capture_ns < frame.t_arrival_ns
            n_rejected.append(camera.health().rejected)
        assert n_rejected[0] == 1
        assert n_rejected[-1] == n_rejected[30] <= 3 * SETTLED_FRAMES
        assert camera.health().clock == "remapped"


def test_silence_restarts_the_pipeline_and_frames_come_again() -> None:
    asked = camera_config(stale_ms=1000.0)
    software = SoftwareRealSense(asked)
    source = CountedSource(software.device)
    with opened(RealSenseCamera(asked, source), software) as camera:
        assert camera.read(0.05) is None
        assert source.attached == 1  # a short silence is none
        assert camera.read(1.5) is None
        assert source.attached == 2
        push(software, 1)
        read_number(camera, 1)


def test_lasting_silence_is_a_lost_device_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(realsense, "RESTART_PATIENCE_NS", 200_000_000)
    asked = camera_config(stale_ms=200.0)
    software = SoftwareRealSense(asked)
    source = CountedSource(software.device)
    with opened(RealSenseCamera(asked, source), software) as camera:
        seen = list[Frame]()
        with pytest.raises(DeviceLostError, match=r"front.*no frame for .* 2 restarts did not help"):
            read_on(camera, seen)
        assert seen == []
        assert source.attached == 3
        with pytest.raises(DeviceLostError, match="not open"):
            camera.read(0.0)
        with fed_until_open(software):  # a lost camera can be opened again
            camera.open()
        push(software, 1)
        read_number(camera, 1)


def test_camera_that_does_not_start_again_is_lost() -> None:
    asked = camera_config(stale_ms=100.0)
    software = SoftwareRealSense(asked)
    source = CountedSource(software.device)
    with opened(RealSenseCamera(asked, source), software) as camera:
        source.failure = RuntimeError("xioctl(VIDIOC_S_FMT) failed, errno=16 Last Error: Device or resource busy")
        with pytest.raises(DeviceLostError, match=r"does not start again: .*busy"):
            camera.read(LONG_S)


def test_pipeline_that_stopped_by_itself_is_a_lost_camera() -> None:
    asked = camera_config()
    software = SoftwareRealSense(asked)
    source = CountedSource(software.device)
    with opened(RealSenseCamera(asked, source), software) as camera:
        assert source.pipeline is not None
        source.pipeline.stop()  # as librealsense does when the device is unplugged
        with pytest.raises(DeviceLostError, match="front"):
            camera.read(0.1)
        camera.close()


def test_camera_that_sends_nothing_does_not_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(realsense, "FIRST_FRAME_NS", 200_000_000)
    camera = RealSenseCamera(camera_config(), InjectedDevice(SoftwareRealSense(camera_config()).device))
    with pytest.raises(DeviceLostError, match="sent no frame"):
        camera.open()


def test_recording_made_through_the_pipeline_plays_back_bit_exact(tmp_path: Path) -> None:
    path = tmp_path / "frames.db3"
    software = SoftwareRealSense(camera_config())
    with opened(
        RealSenseCamera(camera_config(), InjectedDevice(rs.recorder(str(path), software.device))), software
    ) as camera:
        for number in range(1, 13):
            push(software, number)
            read_number(camera, number)
    del camera
    gc.collect()  # the recorder writes the end of the file when it goes

    player = RealSenseCamera(camera_config(), Recording(path, real_time=False))
    player.open()
    seen = list[Frame]()
    with pytest.raises(DeviceLostError, match="ended"):
        read_on(player, seen)
    # While it starts to play, librealsense may lose the first pair, and then pair its colour with the next depth.
    settled = [frame for frame in seen if frame.number >= 3]
    assert [frame.number for frame in settled] == list(range(3, 13))
    for frame in settled:
        rgb, depth_mm = pictures(frame.number)
        assert frame.depth_mm is not None
        assert np.array_equal(frame.rgb, rgb)
        assert np.array_equal(frame.depth_mm, depth_mm)
    assert player.health().clock == "hardware"  # its stamps tick, but are of another day


def test_depth_in_other_units_becomes_millimetres() -> None:
    asked = camera_config()
    software = SoftwareRealSense(asked, depth_units_m=0.0001)
    with opened(RealSenseCamera(asked, InjectedDevice(software.device)), software) as camera:
        depth = np.full((240, 424), 12_344, np.uint16)
        software.push(pictures(1)[0], depth, time.monotonic_ns(), 1)
        frame = read_number(camera, 1)
        assert frame.depth_mm is not None
        assert np.all(frame.depth_mm == 1234)
