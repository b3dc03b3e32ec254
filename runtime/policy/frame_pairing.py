"""Frames of several cameras that belong to one instant: paired by when they were taken, within a tolerance. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from interfaces.messages import Frame

FrameSet = tuple[Frame, ...]  # one of each camera, in the order of the cameras; of one camera: just its frame

HELD_FRAMES = 8  # of each camera: one whose frames take longer to arrive finds those that were taken with them


class FramePairing:
    """Makes a set of each frame that arrives and, of every other camera, the frame taken nearest to it."""

    def __init__(self, cameras: Sequence[str], tolerance_ns: int) -> None:
        """Take the cameras' names, and how far apart the frames of a set may be taken at most."""
        self._held = {camera: deque[Frame](maxlen=HELD_FRAMES) for camera in cameras}
        self._tolerance_ns = tolerance_ns
        self._t_last_ns: int | None = None  # the oldest frame of the last set
        self.apart_ns: int | None = None  # how far apart the last frame found the others; None while one has none yet

    def add(self, frame: Frame) -> FrameSet | None:
        """Return the set that `frame` completes, or None where the others are too far off, or would be older than the last set's."""
        self._held[frame.camera].append(frame)
        found = [frame if camera == frame.camera else _nearest(held, frame) for camera, held in self._held.items()]
        frames = tuple(one for one in found if one is not None)
        if len(frames) < len(found):
            return None
        taken_ns = [one.t_capture_ns for one in frames]
        self.apart_ns = max(taken_ns) - min(taken_ns)
        if self.apart_ns > self._tolerance_ns or (self._t_last_ns is not None and min(taken_ns) < self._t_last_ns):
            return None
        self._t_last_ns = min(taken_ns)
        return frames


def _nearest(held: deque[Frame], to: Frame) -> Frame | None:
    return min(held, key=lambda one: abs(one.t_capture_ns - to.t_capture_ns), default=None)
