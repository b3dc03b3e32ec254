"""A camera of the kernel's own (its V4L2 test driver, vivid), taken away from under ours. Runs inside the virtual machine."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from drivers.uvc.camera import UvcCamera
from interfaces.camera_config import CameraConfig
from interfaces.errors import DeviceLostError, ForerunError
from interfaces.messages import Frame
from tests.machines.qemu_inside import HostLine, error_of, wait_until
from tests.machines.qemu_uvc_trial import STAMP_AT_START, STAMP_CONTROL, set_control

DEVICE = Path("/dev/video0")
DRIVER = Path("/sys/bus/platform/drivers/vivid")
NAME = "vivid.0"
N_FRAMES = 30
RATE_HZ = 15
LATE_MS = 200.0
LOST_WITHIN_S = 30.0  # it looks for the camera for 5 s


def run(host: HostLine) -> None:
    """Open, read; take the camera away for a moment, and for good."""
    plugged_in()
    camera = UvcCamera(camera_config())
    camera.open()
    frames = read_frames(camera)
    look_at(host, camera, frames)
    (DRIVER / "unbind").write_text(NAME)
    gone_s = wait_until(lambda: camera.read(0.1) is None, "frames stop")
    (DRIVER / "bind").write_text(NAME)
    back_s = wait_until(lambda: camera.read(0.5) is not None, "frames come again")
    host.check(
        "away for a moment", f"silent after {gone_s:.1f} s, frames again {back_s:.1f} s after it was back", ok=True
    )
    (DRIVER / "unbind").write_text(NAME)
    errors: list[ForerunError | None] = []

    def lost() -> bool:
        errors.append(error_of(lambda: camera.read(0.5)))
        return errors[-1] is not None

    took_s = wait_until(lost, "the camera is lost")
    ok = isinstance(errors[-1], DeviceLostError) and took_s < LOST_WITHIN_S
    host.check("taken away", f"{type(errors[-1]).__name__} after {took_s:.1f} s: {errors[-1]}", ok=ok)
    camera.close()
    error = error_of(camera.open)
    host.check("opened while it is away", error, ok=isinstance(error, DeviceLostError) and "plugged in" in str(error))
    (DRIVER / "bind").write_text(NAME)
    plugged_in()
    camera.open()
    look_at(host, camera, read_frames(camera))
    camera.close()


def plugged_in() -> None:
    """Return once the camera is there, and stamps as real ones do."""
    wait_until(DEVICE.exists, f"{DEVICE} is there")
    set_control(str(DEVICE), STAMP_CONTROL, STAMP_AT_START)


def camera_config() -> CameraConfig:
    """Return what is asked of it."""
    return CameraConfig(
        name="front",
        driver="uvc",
        serial=str(DEVICE),
        width_px=320,
        height_px=180,
        rate_hz=RATE_HZ,
        depth=False,
        latency_ms=10.0,
        stale_ms=1000.0,
        frozen_ms=0.0,
    )


def read_frames(camera: UvcCamera) -> list[Frame]:
    """Return some frames; raises TimeoutError when they do not come."""
    frames: list[Frame] = []

    def enough() -> bool:
        frame = camera.read(1.0)
        frames.extend([] if frame is None else [frame])
        return len(frames) >= N_FRAMES

    wait_until(enough, f"{N_FRAMES} frames")
    return frames


def look_at(host: HostLine, camera: UvcCamera, frames: list[Frame]) -> None:
    """Check that frames are pictures that move, and stamps an even time apart, just before they arrived."""
    apart_ms = np.diff([frame.t_capture_ns for frame in frames]) * 1e-6
    ages_ms = np.array([frame.t_arrival_ns - frame.t_capture_ns for frame in frames]) * 1e-6
    shapes = {frame.rgb.shape for frame in frames}
    moved = sum(not np.array_equal(one.rgb, other.rgb) for one, other in pairwise(frames))
    late_ms, median_ms = float(ages_ms.max()), float(np.median(apart_ms))
    host.check(
        f"{len(frames)} frames",
        f"{shapes}, {moved} differ from the one before, {median_ms:.1f} ms apart (median), captured at most"
        f" {late_ms:.0f} ms before they arrived; {camera.health()}",
        ok=shapes == {(180, 320, 3)}
        and moved >= len(frames) // 2
        and bool((apart_ms > 0).all())
        and abs(median_ms - 1e3 / RATE_HZ) < 0.3e3 / RATE_HZ
        and float(ages_ms.min()) >= 0
        and late_ms < LATE_MS,
    )
