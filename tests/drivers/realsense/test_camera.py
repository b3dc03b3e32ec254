"""The driver against a real librealsense pipeline, fed by a software device."""

from __future__ import annotations

import threading
import time
from typing import Literal

import numpy as np
import pytest

from bench.camera_rig import (
    LATENCY_MS,
    LONG_S,
    camera_config,
    opened,
    pictures,
    push,
    read_number,
    software_camera,
)
from drivers.clock_mapping import SETTLED_FRAMES
from drivers.realsense.camera import RealSenseCamera
from drivers.realsense.models import MODELS, RealSenseModel
from drivers.realsense.recovery import Patience
from drivers.realsense.source import InjectedDevice
from drivers.realsense.stream import RealSenseStream
from interfaces.errors import DeviceError, DeviceLostError
from interfaces.messages import Frame
from sim.camera.software_realsense import SoftwareRealSense


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


def test_camera_that_sends_nothing_does_not_open() -> None:
    camera = RealSenseCamera(
        camera_config(),
        InjectedDevice(SoftwareRealSense(camera_config()).device),
        patience=Patience(first_frame_ns=200_000_000),
    )
    with pytest.raises(DeviceLostError, match=r"sent no frame within 0\.2 s"):
        camera.open()


def test_open_in_another_thread_can_be_interrupted() -> None:
    camera = RealSenseCamera(camera_config(), InjectedDevice(SoftwareRealSense(camera_config()).device))
    said = list[str]()

    def open_it() -> None:
        try:
            camera.open()
        except DeviceLostError as error:
            said.append(str(error))

    opening = threading.Thread(target=open_it)
    opening.start()
    camera.interrupt()
    opening.join()
    assert len(said) == 1
    assert "told to end while it was opened" in said[0]


def test_read_is_interrupted_and_returns_nothing() -> None:
    with software_camera(camera_config(stale_ms=60_000.0)) as (camera, _):
        camera.interrupt()
        assert camera.read(3600.0) is None


def test_forty_kept_frames_do_not_starve_a_pool_of_sixteen() -> None:
    with software_camera(camera_config()) as (camera, software):
        kept = list[Frame]()
        for number in range(1, 41):
            push(software, number)
            kept.append(read_number(camera, number))
        assert [frame.number for frame in kept] == list(range(1, 41))
        assert len({frame.rgb.ctypes.data for frame in kept}) == 40  # each in memory of its own
        # What librealsense itself still holds of them: nothing that a Frame's memory keeps alive.
        assert all(frame.rgb.base is None for frame in kept)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_model_streams_and_tells_what_it_is(model: RealSenseModel) -> None:
    asked = camera_config()
    software = SoftwareRealSense(asked, model=model.name)
    with opened(RealSenseCamera(asked, InjectedDevice(software.device)), software) as camera:
        rgb, depth_units = pictures(1)
        software.push(rgb, depth_units, time.monotonic_ns(), 1)
        frame = read_number(camera, 1)
        assert np.array_equal(frame.rgb, rgb)
        assert frame.depth_mm is not None
        exact_mm = depth_units * (model.depth_unit_m * 1000)
        assert np.abs(frame.depth_mm - exact_mm).max() <= 0.5 + 1e-3
        facts = camera.details
        assert facts is not None
        assert (facts.name, facts.usb) == (f"Intel RealSense {model.name}", "3.2")
        assert facts.depth_unit_m == pytest.approx(model.depth_unit_m)
        assert (facts.stamp_domain, camera.health().domain) == ("global_time", "global_time")
        assert (facts.colour.width_px, facts.colour.height_px, facts.colour.cx_px) == (424, 240, 211.5)
        assert facts.colour_from_depth_m == (0, 0, 0)
        assert facts.colour_from_depth_rad == (0, 0, 0)


def test_frames_without_metadata_are_said_to_be(caplog: pytest.LogCaptureFixture) -> None:
    asked = camera_config()
    software = SoftwareRealSense(asked, clock="system")
    with opened(RealSenseCamera(asked, InjectedDevice(software.device)), software) as camera:
        assert (camera.health().clock, camera.health().domain) == ("arrival", "system_time")
    assert "frames carry no metadata" in caplog.text


def test_stream_that_is_not_offered_is_refused_before_the_start_with_those_that_are() -> None:
    software = SoftwareRealSense(camera_config(size_px=(640, 480)))
    camera = RealSenseCamera(camera_config(size_px=(641, 480)), InjectedDevice(software.device))
    with pytest.raises(DeviceError, match="does not offer colour 641x480 at 30 Hz; it offers 640x480 at 30 Hz"):
        camera.open()


def test_held_sets_of_librealsense_would_starve_the_stream() -> None:
    """What Frames are copied for: without copies, the reader of forty frames gets about fifteen."""
    asked = camera_config()
    software = SoftwareRealSense(asked)
    stream, held = RealSenseStream(asked, InjectedDevice(software.device), "camera front", None), list[object]()
    for number in range(40):
        push(software, number)
        frames = stream.newest(200)
        if frames is None:
            break
        held.append(frames)
    stream.stop()
    assert 10 < len(held) < 40
