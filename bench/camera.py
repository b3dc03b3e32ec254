"""What the camera driver costs per frame: `python -m bench.camera`.

A software RealSense pushes pictures through a real librealsense pipeline; measured are the push itself, the time from the end of the
push until the driver's Frame is there (delivery through librealsense's threads, stamps, one copy), that copy alone, and the way of
the simulated camera: from the world's `send` through its cable, push and driver. Then each filter of depth by itself, alignment, all of
them, and the pairing of the frames of two cameras.
"""

from __future__ import annotations

import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.camera_rig import camera_config
from drivers.realsense.camera import RealSenseCamera
from drivers.realsense.source import InjectedDevice
from drivers.realsense.stream import RealSenseStream
from interfaces.camera_config import DEPTH_FILTERS, CameraConfig
from interfaces.messages import DepthMm, Frame, Rgb
from runtime.policy.frame_pairing import FramePairing
from sim.camera.link import CameraLinkServer
from sim.camera.software_realsense import SimulatedCamera, SoftwareRealSense

FRAMES = 600
FILTERED_FRAMES = 130
WARM_FRAMES = 10  # the first calls of a filter allocate
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


def scene_depth_mm(config: CameraConfig) -> DepthMm:
    """Return depth as a camera sees it: a slanted plane, noise that grows with distance, and holes in a twentieth of it."""
    rng = np.random.default_rng(0)
    width_px, height_px = config.depth_size_px
    plane_mm = np.tile(np.linspace(400, 2500, width_px), (height_px, 1))
    noisy_mm = plane_mm + rng.normal(0, 1, plane_mm.shape) * plane_mm**2 * 2e-6
    noisy_mm[rng.random(plane_mm.shape) < 0.05] = 0
    return noisy_mm.astype(np.uint16)


def depth_us(config: CameraConfig) -> list[float]:
    """Return the microseconds of each set of frames in the filters that `config` asks for."""
    software = SoftwareRealSense(config)
    stream = RealSenseStream(config, InjectedDevice(software.device), "camera front", None)
    rgb, depth_mm = random_pictures(config)[0], scene_depth_mm(config)
    spent_us = list[float]()
    for number in range(FILTERED_FRAMES):
        software.push(rgb, depth_mm, time.monotonic_ns(), number)
        frames = stream.newest(1000)
        if frames is not None:
            t_start_ns = time.monotonic_ns()
            stream.filtered(frames)
            spent_us.append((time.monotonic_ns() - t_start_ns) / 1e3)
        time.sleep(PERIOD_S)
    stream.stop()
    return spent_us[WARM_FRAMES:]


def depth_steps(config: CameraConfig) -> dict[str, list[float]]:
    """Return the microseconds of alignment, of each filter, and of all together, by name."""
    alone = {name: depth_us(replace(config, filters=(name,))) for name in DEPTH_FILTERS}
    align = depth_us(replace(config, align_depth=True))
    return {**alone, "align": align, "all, aligned": depth_us(replace(config, filters=DEPTH_FILTERS, align_depth=True))}


def pairing_us() -> list[float]:
    """Return the microseconds that each frame of two cameras takes to find its partner."""
    pairing, picture = FramePairing(("front", "wrist"), 10_000_000), np.zeros((1, 1, 3), np.uint8)
    spent_us = list[float]()
    for number in range(FRAMES):
        for camera, late_ns in (("front", 0), ("wrist", 3_000_000)):
            t_ns = number * 33_333_333 + late_ns
            frame = Frame(
                camera=camera, number=number, t_capture_ns=t_ns, t_arrival_ns=t_ns, rgb=picture, depth_mm=None
            )
            t_start_ns = time.monotonic_ns()
            pairing.add(frame)
            spent_us.append((time.monotonic_ns() - t_start_ns) / 1e3)
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
        steps = {**driver_us(config), "cable to frame": cable_us(config), **depth_steps(config)}
        for what, us in steps.items():
            table.add_row("{}x{}".format(*size_px), what, *_shown(us))
    table.add_row("two cameras", "pairing", *_shown(pairing_us()))
    Console().print(table)


def _shown(us: list[float]) -> list[str]:
    return [f"{value:.0f}" for value in np.percentile(us, [50, 99, 100])]


if __name__ == "__main__":
    main()
