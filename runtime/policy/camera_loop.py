"""A camera thread of the policy process: camera to frame slot, and back to work after the camera was lost."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace

from drivers.camera import Camera
from interfaces.camera_config import CameraConfig
from interfaces.errors import DeviceError
from interfaces.messages import Frame
from runtime.policy.board import PolicyBoard
from runtime.policy.feed import PolicyFeed
from runtime.policy.frame_gathering import FrameGathering
from runtime.policy.frozen_camera import FrozenCamera
from runtime.policy.view.view_guard import ViewGuard
from runtime.service.pulse import Turns

_READ_S = 0.1  # how often a silent camera lets the thread look whether it should stop
_REOPEN_WAIT_S = 1.0
_REOPEN_NS = 5_000_000_000  # a stream silent or frozen for so long is started anew: USB cameras hang without an error


class CameraLoop:
    """Reads the newest frame for as long as the process lives; a lost camera is a fault that is reported, not an end."""

    # One call may stop a pipeline (1 s), look for the device (3 s), have librealsense refuse to start it (15 s, its own time limit),
    # and wait for the first frames (10 s, Patience.first_frame_ns): 29 s. The rest is for a machine that is busy booting.
    patience_ns = 45_000_000_000

    def __init__(
        self,
        camera: Camera,
        config: CameraConfig,
        frames: FrameGathering,
        board: PolicyBoard,
        feed: PolicyFeed | None = None,
        guard: ViewGuard | None = None,
    ) -> None:
        """Put frames into `frames`, those that `guard` lets through; `feed` tells the recorder, where there may be one."""
        self._camera = camera
        self._frames = frames
        self._view = board.view(camera.name)
        self._source = f"camera {camera.name}"
        self._config = config
        self._stamp_offset_ns = round(config.stamp_offset_ms * 1e6)
        self._picture = FrozenCamera(config.frozen_ms)
        self._board = board
        self._feed = feed
        self._guard = guard
        self.turns = Turns()

    def run(self) -> None:
        """Stream, reopening the camera when it is lost, until the board says stop."""
        while not self._board.stop.is_set():
            try:
                self._camera.open()
                self.turns.ended()
                if self._guard is not None:
                    self._guard.begin()  # who unplugs a camera may bump it
                self._stream()
            except DeviceError as error:
                self._board.fault(self._source, str(error))
            finally:
                with contextlib.suppress(DeviceError):  # closing what is gone
                    self._camera.close()
            self.turns.ended()
            self._board.stop.wait(_REOPEN_WAIT_S)

    def _stream(self) -> None:
        """Read frames until the board says stop, or none that is new came for long."""
        t_heard_ns = t_new_ns = time.monotonic_ns()
        while not self._board.stop.is_set():
            frame = self._camera.read(_READ_S)
            t_now_ns = time.monotonic_ns()
            if frame is not None:
                frame = truly_stamped(frame, self._stamp_offset_ns)
                self._view.frame = frame
                t_heard_ns = t_now_ns
                self._view.health = self._camera.health()
                if self._take(frame, t_now_ns):
                    t_new_ns = t_now_ns
            elif t_now_ns - t_heard_ns > self._config.stale_ms * 1e6:
                self._board.fault(self._source, f"no frame for more than {self._config.stale_ms:.0f} ms")
            self.turns.ended()
            if t_now_ns - t_new_ns > _REOPEN_NS:
                return

    def _take(self, frame: Frame, t_now_ns: int) -> bool:
        """Put the frame into its slot, unless it shows that the camera hangs; return whether it was put."""
        if self._picture.frozen(frame.rgb, t_now_ns):
            self._board.fault(self._source, f"the very same picture for more than {self._config.frozen_ms:.0f} ms")
            return False
        passed = self._guarded(frame)
        if passed is not None:
            self._frames.put(passed, t_now_ns)
        if self._feed is not None:
            self._feed.frame(passed or frame)  # what the policy sees, or why it sees nothing
        self._view.latency.add(t_now_ns, t_now_ns - frame.t_capture_ns)
        self._board.over(self._source)
        return True

    def _guarded(self, frame: Frame) -> Frame | None:
        """Return the frame as the policy may see it, or None while the camera is not known to stand where it should."""
        if self._guard is None:
            return frame
        passed = self._guard.take(frame)
        if self._guard.fault is not None:
            self._board.fault(f"view {frame.camera}", self._guard.fault)
        elif passed is not None:
            self._board.over(f"view {frame.camera}")
        return passed


def truly_stamped(frame: Frame, offset_ns: int) -> Frame:
    """Return a frame with what its camera stamps too late taken off; no frame was taken after it arrived."""
    if offset_ns == 0:
        return frame
    return replace(frame, t_capture_ns=min(frame.t_capture_ns - offset_ns, frame.t_arrival_ns))
