"""A RealSense made of software with the driver on it: what benchmarks and tests of the camera run."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal

import numpy as np

from drivers.realsense.camera import RealSenseCamera
from drivers.realsense.source import InjectedDevice
from interfaces.camera_config import CameraConfig
from interfaces.errors import DeviceError
from interfaces.messages import DepthMm, Frame, Rgb
from sim.camera.software_realsense import SoftwareRealSense

LATENCY_MS = 20.0
LONG_S = 5.0  # for what comes at once on an idle machine


def camera_config(
    *, stale_ms: float = 500.0, rate_hz: int = 30, size_px: tuple[int, int] = (424, 240), depth: bool = True
) -> CameraConfig:
    """Return a stream of the front camera."""
    return CameraConfig(
        name="front",
        driver="realsense",
        serial="",
        width_px=size_px[0],
        height_px=size_px[1],
        rate_hz=rate_hz,
        depth=depth,
        latency_ms=LATENCY_MS,
        stale_ms=stale_ms,
        frozen_ms=0.0,
    )


def pictures(seed: int, asked: CameraConfig | None = None) -> tuple[Rgb, DepthMm]:
    """Return random pictures for the streams of `asked`; (240, 424, 3) and (240, 424) without."""
    rng = np.random.default_rng(seed)
    width_px, height_px = (asked.width_px, asked.height_px) if asked else (424, 240)
    depth_shape = asked.depth_size_px[::-1] if asked else (240, 424)
    return (
        rng.integers(0, 256, (height_px, width_px, 3), np.uint8),
        rng.integers(0, 2**16, depth_shape, np.uint16),
    )


def push(software: SoftwareRealSense, number: int) -> int:
    """Push the pictures of `number`, taken LATENCY_MS ago, and return when that was."""
    t_capture_ns = time.monotonic_ns() - round(LATENCY_MS * 1e6)
    software.push(*pictures(number, software.config), t_capture_ns, number)
    return t_capture_ns


def read_number(camera: RealSenseCamera, number: int) -> Frame:
    """Return the frame with `number`; frames before it may come first."""
    for _ in range(100):
        frame = camera.read(LONG_S)
        if frame is None:
            break
        if frame.number == number:
            return frame
    raise DeviceError(f"camera {camera.name}: frame {number} did not come")


@contextmanager
def fed_until_open(software: SoftwareRealSense) -> Generator[None]:
    """Push frame 0 again and again, as a camera that is warm would, while the driver opens."""
    opened = threading.Event()

    def feed() -> None:
        while not opened.wait(0.01):
            push(software, 0)

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        yield
    finally:
        opened.set()
        feeder.join()


@contextmanager
def opened(camera: RealSenseCamera, software: SoftwareRealSense) -> Generator[RealSenseCamera]:
    """Open the driver while the device is fed; close it in the end."""
    with fed_until_open(software):
        camera.open()
    try:
        read_number(camera, 0)
        yield camera
    finally:
        camera.close()


@contextmanager
def software_camera(
    asked: CameraConfig, clock: Literal["global", "hardware"] = "global"
) -> Generator[tuple[RealSenseCamera, SoftwareRealSense]]:
    """Make a device and the driver on it, opened."""
    software = SoftwareRealSense(asked, clock=clock)
    with opened(RealSenseCamera(asked, InjectedDevice(software.device)), software) as camera:
        yield camera, software
