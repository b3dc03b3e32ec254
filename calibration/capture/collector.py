"""Looks at cameras and joints while the arm moves, keeps what is new, and writes it when there is time for that."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence

from calibration.capture.balance import Balance
from calibration.capture.folder import CaptureFolder
from calibration.capture.pairing import FrameSets, JointTrack, Sample
from calibration.session.clock import Clock
from drivers.camera import Camera
from interfaces.camera_config import CameraConfig
from interfaces.messages import JointState

LOOK_NS = 100_000_000  # a slow arm looks no different sooner, and every picture taken is copied once
PAIR_PERIODS = (
    1.5  # pictures of several cameras farther apart than so many periods of the slowest are not of one instant
)
BEHIND_NS = 2_000_000_000  # a picture that waits for joint states for so long is of another clock


class Collector:
    """From pictures and joint states to the samples of a folder."""

    def __init__(
        self,
        cameras: Sequence[Camera],
        configs: Sequence[CameraConfig],
        clock: Clock,
        balance: Balance,
        folder: CaptureFolder,
    ) -> None:
        """The cameras are open."""
        self._cameras = tuple(cameras)
        self._clock = clock
        self.balance = balance
        self._folder = folder
        tolerance_ns = math.ceil(PAIR_PERIODS * 1e9 / min(config.rate_hz for config in configs))
        self._sets = FrameSets(tuple(camera.name for camera in cameras), tolerance_ns)
        self._track = JointTrack()
        self._waiting: deque[Sample] = deque()  # kept, not written yet
        self._pending: tuple[int, Callable[[], Sample | None]] | None = None
        self._t_look_ns = 0

    def see(self, joints: JointState) -> bool:
        """Take in a joint state, and pictures where it is time; return whether something was kept."""
        self._track.note(joints)
        t_now_ns = self._clock.now_ns()
        if self._pending is None and t_now_ns >= self._t_look_ns:
            self._look()
        if self._pending is None:
            return False
        t_capture_ns, sample_of = self._pending
        if not self._track.is_ahead_of(t_capture_ns):
            self._pending = None if t_now_ns - t_capture_ns > BEHIND_NS else self._pending
            return False
        self._pending, self._t_look_ns = None, t_now_ns + LOOK_NS
        sample = sample_of()
        if sample is None or not self.balance.is_new(sample.position_rad):
            return False
        self.balance.add(sample.position_rad)
        self._waiting.append(sample)
        return True

    def write_one(self) -> bool:
        """Write one kept sample to the disk; return whether there was one."""
        if not self._waiting:
            return False
        self._folder.add(self._waiting.popleft())
        return True

    def write_all(self) -> None:
        """Write all kept samples to the disk."""
        while self.write_one():
            pass

    def _look(self) -> None:
        for camera in self._cameras:
            frame = camera.read(0.0)
            if frame is not None:
                self._sets.note(frame)
        taken = self._sets.take()
        if taken is not None:
            t_capture_ns, frames = taken
            self._pending = t_capture_ns, lambda: self._track.sample(t_capture_ns, frames)
