"""Every camera driver on a source that a test feeds, for the conformance suite of cameras (tests/drivers/test_conformance_camera.py)."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

import numpy as np

from bench.camera_rig import camera_config
from drivers.camera import Camera
from drivers.realsense.camera import RealSenseCamera
from drivers.realsense.source import InjectedDevice
from drivers.uvc.camera import UvcCamera
from drivers.uvc.source import BUFFERS, Bgr
from interfaces.camera_config import CameraConfig
from interfaces.errors import DeviceLostError
from sim.camera.software_realsense import SoftwareRealSense

Colour = tuple[int, int, int]  # red, green, blue
FEED_S = 0.01
GREY: Colour = (90, 90, 90)


class CameraRig(Protocol):
    """One camera driver, and the world in front of it; the clock is the monotonic one."""

    knows_intrinsics: bool  # of its lens

    @property
    def config(self) -> CameraConfig:
        """Return what is asked of the camera."""
        ...

    @property
    def camera(self) -> Camera:
        """Return the driver."""
        ...

    def show(self, colour: Colour) -> int:
        """Let the camera take one picture that is all of one colour, now; return the instant of its exposure."""
        ...


@contextmanager
def fed(rig: CameraRig) -> Generator[None]:
    """Let the camera take grey pictures, as one that runs does, while the block lasts."""
    done = threading.Event()

    def feed() -> None:
        while not done.wait(FEED_S):
            rig.show(GREY)

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        yield
    finally:
        done.set()
        feeder.join()


class RealSenseRig:
    """A RealSense behind a real librealsense pipeline, its device made of software."""

    knows_intrinsics = True

    def __init__(self) -> None:
        self.config = camera_config(depth=False)
        self._software = SoftwareRealSense(self.config)
        self.camera = RealSenseCamera(self.config, InjectedDevice(self._software.device))
        self._number = 0

    def show(self, colour: Colour) -> int:
        """Push one picture."""
        self._number += 1
        t_capture_ns = time.monotonic_ns()
        picture = np.full((self.config.height_px, self.config.width_px, 3), colour, np.uint8)
        depth_mm = np.zeros(picture.shape[:2], np.uint16)
        self._software.push(picture, depth_mm, t_capture_ns, self._number)
        return t_capture_ns


class UvcRig:
    """A UVC camera whose kernel is a queue."""

    knows_intrinsics = False

    def __init__(self) -> None:
        self.config = replace(camera_config(depth=False), driver="uvc", serial="/dev/video0", latency_ms=0.0)
        self._queue = _FrameQueue(self.config)
        self.camera = UvcCamera(self.config, self._queue)

    def show(self, colour: Colour) -> int:
        """Queue one picture."""
        return self._queue.put(colour)


class _FrameQueue:
    """The FrameSource of drivers/uvc/source.py, with the driver's number of buffers: while all are full, the kernel has none to fill."""

    label = "queue"

    def __init__(self, config: CameraConfig) -> None:
        self._shape = (config.height_px, config.width_px, 3)
        self._frames = deque[tuple[Bgr, float]]()
        self._arrived = threading.Condition()
        self._streams = False

    def put(self, colour: Colour) -> int:
        t_ns = time.monotonic_ns()
        with self._arrived:
            if self._streams and len(self._frames) < BUFFERS:
                self._frames.append((np.full(self._shape, colour[::-1], np.uint8), t_ns / 1e6))
                self._arrived.notify()
        return t_ns

    def now_ns(self) -> int:
        return time.monotonic_ns()

    def start(self, asked: CameraConfig) -> None:
        del asked
        self._streams = True

    def wait(self, timeout_ns: int) -> bool:
        with self._arrived:
            return self._arrived.wait_for(lambda: bool(self._frames), timeout_ns * 1e-9)

    def take(self) -> tuple[Bgr, float] | None:
        with self._arrived:
            if not self._frames:
                raise DeviceLostError("gone")
            return self._frames.popleft()

    def describe(self) -> tuple[str, str]:
        return "A camera of no name", "SN0001"

    def stop(self) -> None:
        with self._arrived:
            self._streams = False
            self._frames.clear()


CAMERA_RIGS: dict[str, Callable[[], CameraRig]] = {"realsense": RealSenseRig, "uvc": UvcRig}
