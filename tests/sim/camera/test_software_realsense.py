"""The simulated camera as the policy process has it: world's cable, software device, real pipeline, real driver."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
import pyrealsense2 as rs
import pytest

from drivers.realsense.models import MODELS, RealSenseModel
from drivers.realsense.recovery import Patience
from interfaces.camera_config import CameraConfig
from interfaces.errors import DeviceError, DeviceLostError
from interfaces.messages import Frame
from interfaces.robot_config import load_robot
from sim.camera.link import CameraLinkServer
from sim.camera.software_realsense import SimulatedCamera, SoftwareRealSense, pinhole

LATENCY_NS = 20_000_000


def config() -> CameraConfig:
    return load_robot(Path(__file__).parents[3] / "robots/simulated.toml").cameras[0]


class World:
    """Sends a picture of its own number every 10 ms, as taken LATENCY_NS before."""

    def __init__(self, path: Path, *, width_px: int = 424) -> None:
        self._server = CameraLinkServer(path)
        self._width_px = width_px
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.t_capture_ns = dict[int, int]()
        self._thread.start()

    def _run(self) -> None:
        number = 0
        while not self._end.wait(0.01):
            number += 1
            self.t_capture_ns[number] = time.monotonic_ns() - LATENCY_NS
            rgb = np.full((240, self._width_px, 3), number % 256, np.uint8)
            depth_mm = np.full((240, self._width_px), number, np.uint16)
            self._server.send(rgb, depth_mm, self.t_capture_ns[number], number)

    def close(self) -> None:
        self._end.set()
        self._thread.join()
        self._server.close()


@contextmanager
def world_at(path: Path, *, width_px: int = 424) -> Generator[World]:
    world = World(path, width_px=width_px)
    try:
        yield world
    finally:
        world.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "camera.sock"


@pytest.mark.parametrize("clock", ["global", "hardware"])
def test_frames_of_the_world_come_out_of_the_real_driver(path: Path, clock: Literal["global", "hardware"]) -> None:
    with world_at(path) as world:
        camera = SimulatedCamera(config(), path, clock=clock)
        camera.open()
        frames = [frame for frame in (camera.read(5.0) for _ in range(30)) if frame is not None]
        assert len(frames) == 30
        numbers = [frame.number for frame in frames]
        assert numbers == sorted(set(numbers))
        for frame in frames:
            assert frame.depth_mm is not None
            np.testing.assert_allclose(frame.rgb.astype(int), frame.number % 256, atol=2)  # a sensor's noise is on it
            assert np.all(frame.depth_mm == frame.number)
        errors_ms = [(frame.t_capture_ns - world.t_capture_ns[frame.number]) / 1e6 for frame in frames[-10:]]
        # The counter is mapped by arrival, which two processes' threads delay here; the global clock owes nothing to it.
        assert max(abs(error_ms) for error_ms in errors_ms) < (1.0 if clock == "global" else 10.0)
        assert (camera.name, camera.health().clock) == ("front", clock)
        camera.close()


def test_stream_goes_on_when_the_world_restarts(path: Path) -> None:
    camera = SimulatedCamera(config(), path, patience=Patience(restart_ns=10_000_000_000))  # for a slow machine
    for _ in range(2):
        with world_at(path):
            if camera.health().frames == 0:
                camera.open()
            while (frame := camera.read(5.0)) is None or frame.number < 5:
                pass
    camera.close()


def test_camera_can_be_opened_again(path: Path) -> None:
    with world_at(path):
        camera = SimulatedCamera(config(), path)
        for _ in range(3):
            camera.open()
            frame = camera.read(5.0)
            assert isinstance(frame, Frame)
            camera.close()
        with pytest.raises(DeviceLostError, match="not open"):
            camera.read(0.0)


def test_no_world_is_a_lost_camera(path: Path) -> None:
    camera = SimulatedCamera(config(), path, patience=Patience(first_frame_ns=200_000_000))
    with pytest.raises(DeviceLostError, match=r"camera front .*sent no frame"):
        camera.open()


def test_world_with_another_picture_size_is_refused(path: Path) -> None:
    camera = SimulatedCamera(config(), path, patience=Patience(first_frame_ns=2_000_000_000))
    with world_at(path, width_px=320), pytest.raises(DeviceError, match=r"front: got pictures \(240, 320, 3\)"):
        camera.open()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_device_describes_itself_like_a_real_one(model: RealSenseModel) -> None:
    software = SoftwareRealSense(config(), model=model.name)
    device = software.device
    assert device.get_info(rs.camera_info.name) == f"Intel RealSense {model.name}"
    assert device.get_info(rs.camera_info.product_id) == model.usb_product
    colour_of = [
        sensor.get_info(rs.camera_info.name)
        for sensor in device.query_sensors()
        if any(profile.stream_type() == rs.stream.color for profile in sensor.get_stream_profiles())
    ]
    assert colour_of == [model.colour_sensor]
    assert device.get_info(rs.camera_info.usb_type_descriptor).startswith("3")
    pipeline, asked = rs.pipeline(), rs.config()
    pipeline.set_device(device)
    asked.enable_stream(rs.stream.color, 424, 240, rs.format.rgb8, 30)
    asked.enable_stream(rs.stream.depth, 424, 240, rs.format.z16, 30)
    profile = pipeline.start(asked)
    colour, depth = profile.get_stream(rs.stream.color), profile.get_stream(rs.stream.depth)
    intrinsics = colour.as_video_stream_profile().get_intrinsics()
    pipeline.stop()
    # Half the height is seen under half of 42 degrees.
    assert intrinsics.fx == intrinsics.fy == pytest.approx(120 / np.tan(np.radians(21.0)))
    assert (intrinsics.ppx, intrinsics.ppy) == (211.5, 119.5)
    assert depth.get_extrinsics_to(colour).translation == [0, 0, 0]


@pytest.mark.parametrize("clock", ["global", "hardware"])
def test_each_push_makes_one_pair(clock: Literal["global", "hardware"]) -> None:
    software = SoftwareRealSense(config(), clock=clock)
    pipeline, asked, queue = rs.pipeline(), rs.config(), rs.frame_queue(100, keep_frames=True)
    pipeline.set_device(software.device)
    asked.enable_stream(rs.stream.color, 424, 240, rs.format.rgb8, 30)
    asked.enable_stream(rs.stream.depth, 424, 240, rs.format.z16, 30)
    pipeline.start(asked, queue)
    rgb, depth_mm = np.zeros((240, 424, 3), np.uint8), np.zeros((240, 424), np.uint16)
    t_start_ns = time.monotonic_ns()
    for number in range(20):
        software.push(rgb, depth_mm, t_start_ns + number * 33_333_333, number)
    pairs = list[tuple[int, int]]()
    while len(pairs) < 100 and (waited := queue.try_wait_for_frame(5000 if len(pairs) < 20 else 50))[0]:
        pair = waited[1].as_frameset()
        pairs.append((pair.get_color_frame().get_frame_number(), pair.get_depth_frame().get_frame_number()))
    pipeline.stop()
    assert pairs == [(number, number) for number in range(20)]


def test_pinhole_scales_with_the_picture() -> None:
    small, large = pinhole(424, 240), pinhole(848, 480)
    assert large.fx == pytest.approx(2 * small.fx)
