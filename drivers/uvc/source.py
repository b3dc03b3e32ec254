"""Where the UVC driver's frames come from: a camera of the Video4Linux kind, opened by OpenCV.

What OpenCV's V4L2 backend does (modules/videoio/src/cap_v4l.cpp, 4.14), and what is done about it here:

- `grab` waits up to 10 s by itself, which only an environment variable can change. So frames are waited for with `waitAny`, a
  poll with a time-out; only the first frame after a start is waited for by `grab`, since it is what starts the stream.
- Each property may be refused in silence: size and rate are read back, and must be what was asked.
- A pixel format that the camera has not is replaced by another in silence. Uncompressed is asked first, and Motion JPEG where the
  size does not come at its rate otherwise (USB 2 carries 640x480 at 30 Hz uncompressed, hardly more).
- A buffer is the camera's again once its picture is decoded. With a single one the kernel has nowhere to put a frame that
  begins meanwhile, and drops it; with two, one fills while the other is decoded.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.holders import find_holders
from drivers.serial.adapters import SYS, usb_serial
from interfaces.camera_config import CameraConfig
from interfaces.errors import DeviceError, DeviceLostError

BUFFERS = 2
RATE_TOLERANCE_RATIO = 0.02  # 29.97 Hz is 30
PIXEL_FORMATS = ("YUYV", "MJPG")  # in the order they are tried

Bgr = NDArray[np.uint8]  # (height, width, 3)


class FrameSource(Protocol):
    """A camera that can be started again and again, and the clock that everything about it is told by."""

    label: str  # for messages

    def now_ns(self) -> int:
        """Return the instant on the clock of this source."""
        ...

    def start(self, asked: CameraConfig) -> None:
        """Start the stream, and return once its first frame waits; raises DeviceError saying why it does not start."""
        ...

    def wait(self, timeout_ns: int) -> bool:
        """Return whether a frame waits, after at most `timeout_ns`; without a stream time passes, and none does.

        Raises DeviceLostError when the camera is gone.
        """
        ...

    def take(self) -> tuple[Bgr, float] | None:
        """Return the frame that waits, in memory of its own, and its stamp in ms of our clock; None where it cannot be read.

        Raises DeviceLostError when the camera is gone.
        """
        ...

    def describe(self) -> tuple[str, str]:
        """Return the camera's name and its serial number, empty where it has none."""
        ...

    def stop(self) -> None:
        """End the stream; stopping twice is no error."""
        ...


CaptureOpener = Callable[[str], cv2.VideoCapture]
CapturePoll = Callable[[cv2.VideoCapture, int], bool]  # (capture, time-out in ns) -> whether a frame waits


class VideoDevice:
    """A camera by its device file, resolved anew at each start: a plugged-in camera comes back under another number."""

    def __init__(
        self,
        path: str,
        open_capture: CaptureOpener | None = None,
        poll: CapturePoll | None = None,
        sys: Path = SYS,
    ) -> None:
        """Take the path; `open_capture` and `poll` let a video file stand in for the camera, `sys` another folder for /sys."""
        self.label = path
        self._video = sys / "class" / "video4linux"
        self._path = path
        self._open_capture = open_capture or _open_v4l2
        self._poll = poll or poll_v4l2
        self._capture: cv2.VideoCapture | None = None
        self._holds_first = False

    def describe(self) -> tuple[str, str]:
        """Return the name that the kernel has for the camera, and its USB serial number."""
        entry = self._video / Path(self._path).resolve().name
        name = ""
        with suppress(OSError):
            name = (entry / "name").read_text(encoding="utf-8", errors="replace").strip()
        return name or self._path, usb_serial(entry)

    def now_ns(self) -> int:
        """Return the monotonic clock, which the kernel stamps frames with."""
        return time.monotonic_ns()

    def start(self, asked: CameraConfig) -> None:
        """Open the camera, ask for the stream, and wait for its first frame."""
        self.stop()
        device = _existing(self._path)
        capture = self._open_capture(device)
        try:
            if not capture.isOpened():
                raise _open_error(device)
            _ask(capture, asked, device)
            if not capture.grab():
                raise DeviceLostError("started, and sent no frame")
        except (DeviceError, cv2.error) as error:
            capture.release()
            raise error if isinstance(error, DeviceError) else DeviceError(f"cannot start: {error}") from error
        self._capture, self._holds_first = capture, True

    def wait(self, timeout_ns: int) -> bool:
        """Return whether a frame waits, after at most `timeout_ns`."""
        if self._capture is None:
            time.sleep(max(0, timeout_ns) * 1e-9)
            return False
        try:
            return self._holds_first or self._poll(self._capture, timeout_ns)
        except cv2.error as error:
            raise DeviceLostError(f"gone: {error}") from error

    def take(self) -> tuple[Bgr, float] | None:
        """Return the frame that waits and its stamp."""
        capture, holds_first, self._holds_first = self._capture, self._holds_first, False
        try:
            # Decoding what was not grabbed would read memory that is not there.
            if capture is None or not (holds_first or capture.grab()):
                raise DeviceLostError("gone: it gives no more frames")
            stamp_ms = capture.get(cv2.CAP_PROP_POS_MSEC)
            whole, picture = capture.retrieve()
        except cv2.error as error:
            raise DeviceLostError(f"gone: {error}") from error
        if not whole or picture.dtype != np.uint8 or picture.ndim != 3:
            return None
        return picture.astype(np.uint8, copy=False), stamp_ms

    def stop(self) -> None:
        """End the stream."""
        capture, self._capture = self._capture, None
        if capture is not None:
            with suppress(cv2.error):  # of a camera that is gone
                capture.release()


def _open_v4l2(device: str) -> cv2.VideoCapture:
    return cv2.VideoCapture(device, cv2.CAP_V4L2)


def poll_v4l2(capture: cv2.VideoCapture, timeout_ns: int) -> bool:
    """Return whether a frame waits, after at most `timeout_ns`; raises DeviceLostError when the camera hung up."""
    # OpenCV takes 0 for "for ever".
    done, ready = cv2.VideoCapture.waitAny([capture], timeoutNs=max(1, timeout_ns))
    if done and len(ready) == 0:  # an array: the index of our camera, 0, would count as nothing
        raise DeviceLostError("gone: it hung up")
    return done


def _existing(path: str) -> str:
    """Return the device file behind `path`, having looked that it may be opened: OpenCV only says that it could not."""
    device = str(Path(path).resolve())
    try:
        os.close(os.open(device, os.O_RDWR | os.O_NONBLOCK))
    except OSError as error:
        if error.errno in {errno.EACCES, errno.EPERM}:
            raise DeviceError(f"no permission: add the user to the group of {device}, mostly `video`") from error
        if error.errno == errno.EBUSY:
            raise _busy(device) from error
        raise DeviceLostError(
            f"not there ({error.strerror}); is it plugged in? `forerun devices` lists cameras"
        ) from error
    return device


def _open_error(device: str) -> DeviceError:
    if find_holders(device):
        return _busy(device)
    return DeviceError(
        "does not open as a camera: busy with another user's process, or a node without pictures"
        " (a camera's second node carries only metadata; `forerun devices` lists those with pictures)"
    )


def _busy(device: str) -> DeviceError:
    holders = ", ".join(holder.shown() for holder in find_holders(device)) or "another user's process"
    return DeviceError(f"busy: {holders} has it open; end that first")


def _ask(capture: cv2.VideoCapture, asked: CameraConfig, device: str) -> None:
    """Set the stream up; raises DeviceError naming what the camera gives instead."""
    wanted = (asked.width_px, asked.height_px)
    given: list[str] = []
    for name in PIXEL_FORMATS:
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*name))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, asked.width_px)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, asked.height_px)
        capture.set(cv2.CAP_PROP_FPS, asked.rate_hz)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, BUFFERS)
        if not capture.isOpened():  # its stream was taken by another process
            raise _busy(device)
        size = tuple(round(capture.get(p)) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        rate_hz = capture.get(cv2.CAP_PROP_FPS)
        if size == wanted and abs(rate_hz - asked.rate_hz) <= RATE_TOLERANCE_RATIO * asked.rate_hz:
            return
        given.append(f"{size[0]}x{size[1]} at {rate_hz:g} Hz asked for {name}")
    raise DeviceError(
        f"does not offer {wanted[0]}x{wanted[1]} at {asked.rate_hz} Hz: it gives {', '.join(given)};"
        " `forerun devices` lists its sizes and rates"
    )
