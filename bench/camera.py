"""What the camera driver costs per frame: `python -m bench.camera`.

A software RealSense pushes random pictures through a real librealsense pipeline; measured are the push itself, the time from
the end of the push until the driver's Frame is there (delivery through librealsense's threads, stamps, one copy), that copy alone,
and the way of the simulated camera: from the world's `send` through its cable, push and driver.
"""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.camera_rig import camera_config
from drivers.realsense import RealSenseCamera
from drivers.realsense_source import InjectedDevice
from interfaces.camera_config import CameraConfig
from interfaces.messages import DepthMm, Rgb
from sim.camera_link import CameraLinkServer
from sim.software_realsense import SimulatedCamera, SoftwareRealSense

FRAMES = 600
SIZES_PX = ((424, 240), (640, 480))
PERIOD_S = 1 / 120  # four times a camera's rate: long enough for the caches to cool, short enough to wait for


def random_pictures(config: CameraConfig) -> tuple[Rgb, DepthMm]:
    """Return pictures that nothing can compress."""
    rng = np.random.default_rng(0)
    shape = (config.height_px, config.width_px)
    return rng.integers(0, 256, (*shape, 3), np.uint8), rng.integers(0, 2**16, shape, np.uint16)


def driver_us(config: CameraConfig) -> dict[str, list[float]]:
    """Return the microseconds of each frame, by what they were spent on."""
    software = SoftwareRealSense(config)
    camera = RealSenseCamera(config, InjectedDevice(software.device))
    rgb, depth_mm = random_pictures(config)
    first = threading.Timer(0.2, lambda: software.push(rgb, depth_mm, time.monotonic_ns(), 0))
    first.start()
    camera.open()
    camera.read(0.0)

    spent_us = dict[str, list[float]](push=[], frame=[], copy=[])
    for number in range(1, FRAMES + 1):
        time.sleep(PERIOD_S)
        t_push_ns = time.monotonic_ns()
        software.push(rgb, depth_mm, t_push_ns, number)
        t_pushed_ns = time.monotonic_ns()
        camera.read(1.0)
        t_frame_ns = time.monotonic_ns()
        copies = rgb.copy(), depth_mm.copy()
        t_copied_ns = time.monotonic_ns()
        del copies
        spent_us["push"].append((t_pushed_ns - t_push_ns) / 1e3)
        spent_us["frame"].append((t_frame_ns - t_pushed_ns) / 1e3)
        spent_us["copy"].append((t_copied_ns - t_frame_ns) / 1e3)
    camera.close()
    return spent_us


def cable_us(config: CameraConfig) -> list[float]:
    """Return the microseconds from the world's `send` to the Frame, of each frame."""
    rgb, depth_mm = random_pictures(config)
    with tempfile.TemporaryDirectory() as folder:
        server = CameraLinkServer(Path(folder) / "camera.sock")
        camera = SimulatedCamera(config, Path(folder) / "camera.sock")
        ended = threading.Event()

        def send() -> None:
            number = 0
            while not ended.wait(PERIOD_S):
                number += 1
                server.send(rgb, depth_mm, time.monotonic_ns(), number)

        world = threading.Thread(target=send)
        world.start()
        camera.open()
        frames = [camera.read(1.0) for _ in range(FRAMES)]
        ended.set()
        world.join()
        camera.close()
        server.close()
    return [(frame.t_arrival_ns - frame.t_capture_ns) / 1e3 for frame in frames if frame]


def main() -> None:
    """Print the table."""
    table = Table(
        "stream", "step", "p50 us", "p99 us", "max us", title=f"camera driver, {FRAMES} frames of colour and depth"
    )
    for size_px in SIZES_PX:
        config = camera_config(size_px=size_px, stale_ms=1000.0)
        for what, us in {**driver_us(config), "cable to frame": cable_us(config)}.items():
            numbers = [f"{value:.0f}" for value in np.percentile(us, [50, 99, 100])]
            table.add_row("{}x{}".format(*size_px), what, *numbers)
    Console().print(table)


if __name__ == "__main__":
    main()
