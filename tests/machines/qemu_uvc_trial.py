"""What the UVC driver makes of a real V4L2 device: colours, the kernel's stamps, and refusals. Runs inside the virtual machine.

The device is the kernel's own test driver, vivid: a test pattern of colour bars.
"""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
import time

import numpy as np

from drivers.find.video import FoundVideo, find_video
from drivers.uvc.camera import UvcCamera
from interfaces.camera_config import CameraConfig
from interfaces.messages import Frame
from tests.machines.qemu_inside import HostLine, error_of, wait_until

SIZE_PX = (320, 180)  # an emulated processor paints the pattern
RATE_HZ = 15
N_FRAMES = 60
LATENCY_MS = 5.0
BARS_ROW = 5  # above the pattern's text
# 75 % bars (SMPTE): which of red, green and blue are bright in each.
BARS = ((1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1), (0, 0, 0))
OWNER = """
import sys, cv2
capture = cv2.VideoCapture(sys.argv[1], cv2.CAP_V4L2)
assert capture.grab()
print("streams", flush=True)
sys.stdin.read()
"""

# Linux, include/uapi/linux/videodev2.h
VIDIOC_QUERYCTRL, VIDIOC_S_CTRL = 0xC0445624, 0xC008561C
NEXT_CONTROL = 0x80000000
_QUERY = struct.Struct("=II32siiii12x")
STAMP_CONTROL, STAMP_AT_START = "Timestamp Source", 1  # else vivid stamps ahead of time, by nine tenths of a period


def run(host: HostLine) -> None:
    """Look for it, stream from it, and ask for what cannot be had."""
    video = look(host)
    set_control(video.device, STAMP_CONTROL, STAMP_AT_START)
    camera = UvcCamera(asked(video.path))
    camera.open()
    stream(host, camera)
    pause(host, camera)
    camera.close()
    refusals(host, video)


def asked(path: str, size_px: tuple[int, int] = SIZE_PX) -> CameraConfig:
    """Return a stream."""
    return CameraConfig(
        name="front",
        driver="uvc",
        serial=path,
        width_px=size_px[0],
        height_px=size_px[1],
        rate_hz=RATE_HZ,
        depth=False,
        latency_ms=LATENCY_MS,
        stale_ms=2000.0,
        frozen_ms=0.0,
    )


def look(host: HostLine) -> FoundVideo:
    """Find it among what the kernel lists."""
    wait_until(lambda: any(video.modes for video in find_video()), "a vivid camera")
    video = next(video for video in find_video() if video.driver == "vivid" and video.modes)
    rates_hz = {(m.pixel_format, m.width_px, m.height_px): m.rates_hz for m in video.modes}
    wanted = rates_hz.get(("YUYV", *SIZE_PX), ())
    told = f"{video.device}, {video.name}, {len(rates_hz)} modes, {SIZE_PX[0]}x{SIZE_PX[1]} at {wanted} Hz"
    host.check("listed with its sizes and rates", told, ok=RATE_HZ in wanted)
    return video


def stream(host: HostLine, camera: UvcCamera) -> None:
    """Read frames: their colours, and their stamps."""
    frames = [frame for _ in range(N_FRAMES) if (frame := camera.read(5.0)) is not None]
    seen = bars(frames[-1])
    host.check("red is red, and blue is blue", seen, ok=seen == BARS)
    apart_ms = np.diff([frame.t_capture_ns for frame in frames]) * 1e-6
    ages_ms = np.array([frame.t_arrival_ns - frame.t_capture_ns for frame in frames]) * 1e-6
    health = camera.health()
    host.check(
        f"{len(frames)} frames, stamped by the kernel on our clock",
        f"{np.median(apart_ms):.1f} ms apart (median), {ages_ms.min():.1f} to {ages_ms.max():.1f} ms before they arrived with"
        f" latency_ms {LATENCY_MS}; {health}",
        ok=bool(
            len(frames) == N_FRAMES
            and health.rejected == 0
            and health.clock == "arrival"  # neither remapped nor replaced
            and (apart_ms > 0).all()
            and ages_ms.min() >= LATENCY_MS
            and abs(np.median(apart_ms) * RATE_HZ / 1000 - 1) < 0.2
        ),
    )


def pause(host: HostLine, camera: UvcCamera) -> None:
    """Stay away for two seconds: what comes then is new."""
    time.sleep(2.0)
    frame = camera.read(5.0)
    age_ms = 1e9 if frame is None else (frame.t_arrival_ns - frame.t_capture_ns) * 1e-6
    host.check("the frame after a pause of two seconds", f"{age_ms:.0f} ms old", ok=age_ms < 500)


def refusals(host: HostLine, video: FoundVideo) -> None:
    """Ask for what it has not, and for what another process has."""
    error = error_of(UvcCamera(asked(video.path, (500, 500))).open)
    host.check("a size that it has not", error, ok="does not offer 500x500" in str(error) and "it gives" in str(error))
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, video.device], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        error = error_of(UvcCamera(asked(video.path)).open)
        owner.communicate("")
    host.check("another process streams", error, ok=f"(process {owner.pid}) has it open" in str(error))


def bars(frame: Frame) -> tuple[tuple[int, ...], ...]:
    """Return which of red, green and blue are bright in each of eight bars."""
    row = frame.rgb[BARS_ROW]
    middles = [row[round((index + 0.5) * len(row) / len(BARS))] for index in range(len(BARS))]
    return tuple(tuple(int(value > 96) for value in middle) for middle in middles)


def set_control(device: str, name: str, value: int) -> None:
    """Set one of the device's controls by its name; raises OSError at the end of their list where there is none."""
    fd = os.open(device, os.O_RDWR)
    try:
        control_id = 0
        while True:
            memory = bytearray(_QUERY.pack(control_id | NEXT_CONTROL, 0, b"", 0, 0, 0, 0))
            fcntl.ioctl(fd, VIDIOC_QUERYCTRL, memory)
            control_id, _, found, *_ = _QUERY.unpack(memory)
            if found.split(b"\0")[0].decode() == name:
                break
        fcntl.ioctl(fd, VIDIOC_S_CTRL, bytearray(struct.pack("=Ii", control_id, value)))
    finally:
        os.close(fd)
