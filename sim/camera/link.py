"""The simulated camera's cable: frames over a local stream socket, from the world's process to the policy's.

The world never waits for its reader: a frame that finds the one before it still unsent replaces it. Each end may die and
come back; the reader connects again by itself. It begins by saying which size of pictures it wants.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from interfaces.errors import ProtocolError
from interfaces.messages import DepthMm, Rgb

_HEADER = struct.Struct("<4sHHqq?")  # magic, width, height, number, t_capture_ns, frozen
_MAGIC = b"frc1"
_ASK = struct.Struct("<4sHH")  # magic, width, height; 0 where any size will do
CAMERA_SOCKET = "camera.sock"  # in the run folder
_RETRY_S = 0.05
_POLL_S = 0.1  # how soon a thread that waits sees that it shall end


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFrame:
    """One rendered picture on its way to the driver."""

    number: int
    t_capture_ns: int
    rgb: Rgb
    depth_mm: DepthMm
    frozen: bool = False  # the sensor hangs: the driver's end gives its last picture again, to the bit


class CameraLinkServer:
    """The world's end: listens at a path, serves one reader at a time from a thread, and sends it the newest frame."""

    def __init__(self, path: Path) -> None:
        """Bind to `path`, replacing a socket that a dead world left there."""
        path.unlink(missing_ok=True)
        self._path = path
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self._listener.settimeout(_POLL_S)
        self._changed = threading.Condition()
        self._unsent: LinkFrame | None = None
        self._connected = False
        self._closing = False
        self._dropped = 0
        self._asked_px: tuple[int, int] | None = None
        self._thread = threading.Thread(target=self._serve, name="camera-link", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Return how many frames a slow reader did not get; frames that nobody was connected for do not count."""
        return self._dropped

    @property
    def asked_px(self) -> tuple[int, int] | None:
        """Return the size of pictures that the last reader asked for, width and height; None where any will do."""
        return self._asked_px

    def send(self, rgb: Rgb, depth_mm: DepthMm, t_capture_ns: int, number: int, *, frozen: bool = False) -> None:
        """Hand over one frame, (height, width, 3) and (height, width), without waiting; the arrays are copied."""
        frame = LinkFrame(
            number=number, t_capture_ns=t_capture_ns, rgb=np.array(rgb), depth_mm=np.array(depth_mm), frozen=frozen
        )
        with self._changed:
            if not self._connected:
                return
            self._dropped += self._unsent is not None
            self._unsent = frame
            self._changed.notify()

    def close(self) -> None:
        """End the thread and take the socket away."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _serve(self) -> None:
        while not self._closing:
            try:
                reader, _ = self._listener.accept()
            except TimeoutError:
                continue
            with reader:
                reader.settimeout(_POLL_S)
                self._asked_px = _asked(reader)
                self._connected = True
                self._feed(reader)
            with self._changed:
                self._connected, self._unsent = False, None

    def _feed(self, reader: socket.socket) -> None:
        """Send frames until the reader goes away."""
        while not self._closing:
            with self._changed:
                self._changed.wait_for(lambda: self._unsent is not None or self._closing)
                frame, self._unsent = self._unsent, None
            if frame is not None and not self._sent(reader, frame):
                return

    def _sent(self, reader: socket.socket, frame: LinkFrame) -> bool:
        height, width = frame.depth_mm.shape
        header = _HEADER.pack(_MAGIC, width, height, frame.number, frame.t_capture_ns, frame.frozen)
        for part in (memoryview(header), frame.rgb.data, frame.depth_mm.data):
            left = part.cast("B")
            while left:
                if self._closing:
                    return False
                try:
                    left = left[reader.send(left) :]
                except TimeoutError:
                    continue  # slow, not gone
                except OSError:
                    return False
        return True


class CameraLinkReader:
    """The policy's end: an endless iterator over the frames of the world at a path, whichever world that is."""

    def __init__(self, path: Path, size_px: tuple[int, int] | None = None) -> None:
        """Connect when first asked for a frame, and ask for that size; the world need not be there yet."""
        self._path = path
        self._ask = _ASK.pack(_MAGIC, *(size_px or (0, 0)))
        self._closing = threading.Event()
        self.received = 0

    def __iter__(self) -> Iterator[LinkFrame]:
        """Yield each frame as it comes, until `close` is called; raises ProtocolError for bytes that are no frames."""
        while not self._closing.is_set():
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
                link.settimeout(_POLL_S)
                try:
                    link.connect(str(self._path))
                except OSError:
                    self._closing.wait(_RETRY_S)
                    continue
                with suppress(OSError):  # gone already, but what it sent may still be read
                    link.sendall(self._ask)
                while (frame := self._next(link)) is not None:
                    self.received += 1
                    yield frame

    def close(self) -> None:
        """End the iteration soon; may be called from another thread."""
        self._closing.set()

    def _next(self, link: socket.socket) -> LinkFrame | None:
        """Return the next frame, or None when the world is gone or the reader closed."""
        header = bytearray(_HEADER.size)
        if not self._filled(link, memoryview(header)):
            return None
        magic, width, height, number, t_capture_ns, frozen = _HEADER.unpack(header)
        if magic != _MAGIC:
            raise ProtocolError(f"{self._path}: a frame begins with {magic!r}; expected {_MAGIC!r}")
        rgb, depth_mm = np.empty((height, width, 3), np.uint8), np.empty((height, width), np.uint16)
        if not (self._filled(link, rgb.data.cast("B")) and self._filled(link, depth_mm.data.cast("B"))):
            return None
        return LinkFrame(number=number, t_capture_ns=t_capture_ns, rgb=rgb, depth_mm=depth_mm, frozen=frozen)

    def _filled(self, link: socket.socket, left: memoryview) -> bool:
        while left:
            if self._closing.is_set():
                return False
            try:
                count = link.recv_into(left)
            except TimeoutError:
                continue
            except OSError:
                return False
            if count == 0:
                return False
            left = left[count:]
        return True


def _asked(reader: socket.socket) -> tuple[int, int] | None:
    """Return the size that a new reader wants; None where it does not say."""
    try:
        ask = reader.recv(_ASK.size)
    except OSError:
        return None
    if len(ask) < _ASK.size:
        return None
    magic, width_px, height_px = _ASK.unpack(ask)
    return (width_px, height_px) if magic == _MAGIC and width_px and height_px else None
