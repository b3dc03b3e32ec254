"""What a camera showed lately, for a policy that sees more than the newest picture. Pure: no clock, no thread, and no pixel is copied.

    t_now - 3 step      t_now - 2 step      t_now - step        t_now
    slot 0              slot 1              slot 2              slot 3, the newest frame

Each slot takes the frame nearest to its instant of those at or before it; one that is late by a twentieth of a step still counts.
`t_now` is when the newest frame was taken: the same frames give the same history, whenever anybody looks at them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Generic, TypeVar

from interfaces.bundle_manifest import HELD_MAX, HISTORY_LATE_RATIO, CameraSpec
from interfaces.messages import Frame
from runtime.policy.frame_pairing import HELD_FRAMES, FrameSet

T = TypeVar("T")
_t_ns = itemgetter(0)


class FrameHistory(Generic[T]):
    """The frames of one camera, as long as a slot may want them; a frame is whatever stands for one."""

    def __init__(self, n_history: int, step_ms: float, *, behind: int = 0) -> None:
        """Look back `n_history` frames, the newest one included; one may be asked for when up to `behind` came after it."""
        step_ns = round(step_ms * 1e6)
        self._back_ns = [k * step_ns for k in range(n_history - 1, 0, -1)]
        self._span_ns = (n_history - 1) * step_ns
        self._late_ns = round(HISTORY_LATE_RATIO * step_ns)
        self._behind = behind
        self._held = deque[tuple[int, T]](maxlen=HELD_MAX)
        self._size: tuple[int, ...] = ()

    def add(self, frame: T, t_capture_ns: int, size: tuple[int, ...] = ()) -> None:
        """Take the camera's next frame.

        What was held is forgotten where this one is of another size, or of an earlier instant, or where more time lies between than
        the history is long: it then shows something else.
        """
        if self._held:
            gap_ns = t_capture_ns - self._held[-1][0]
            if size != self._size or not 0 <= gap_ns <= self._span_ns + self._late_ns:
                self._held.clear()
        self._size = size
        self._held.append((t_capture_ns, frame))
        t_asked_ns = self._held[-1 - self._behind][0] if self._behind < len(self._held) else self._held[0][0]
        while len(self._held) > 1 and self._held[1][0] <= t_asked_ns - self._span_ns:
            self._held.popleft()

    def earlier(self, frame: T, t_capture_ns: int) -> tuple[T, ...]:
        """Return what goes before a `frame` that was added, oldest first, `n_history` - 1 of them; the oldest known as often as need be."""
        known = [one for one in self._held if one[0] <= t_capture_ns] or [(t_capture_ns, frame)]
        return tuple(self._nearest(known, t_capture_ns - back_ns) for back_ns in self._back_ns)

    def _nearest(self, known: Sequence[tuple[int, T]], t_ns: int) -> T:
        after = bisect_right(known, t_ns, key=_t_ns)
        if after < len(known) and known[after][0] <= t_ns + self._late_ns:
            before_is_nearer = after > 0 and t_ns - known[after - 1][0] <= known[after][0] - t_ns
            return known[after - 1 if before_is_nearer else after][1]
        return known[max(after - 1, 0)][1]


class CameraHistories:
    """The histories of a bundle's cameras that have one; made by `histories_of`."""

    def __init__(self, cameras: Sequence[CameraSpec]) -> None:
        behind = HELD_FRAMES if len(cameras) > 1 else 0  # a set takes some frame of those that are held for it
        self._of = {
            camera.name: FrameHistory[Frame](camera.n_history, camera.history_step_ms, behind=behind)
            for camera in cameras
            if camera.n_history > 1
        }

    def add(self, frame: Frame) -> None:
        """Take the next frame of any camera; its depth is not kept."""
        history = self._of.get(frame.camera)
        if history is not None:
            kept = frame if frame.depth_mm is None else replace(frame, depth_mm=None)
            history.add(kept, frame.t_capture_ns, frame.rgb.shape)

    def complete(self, frames: FrameSet) -> FrameSet:
        """Return a set of frames, each with those before it."""
        return tuple(self._complete(frame) for frame in frames)

    def _complete(self, frame: Frame) -> Frame:
        history = self._of.get(frame.camera)
        return frame if history is None else replace(frame, earlier=history.earlier(frame, frame.t_capture_ns))


def histories_of(cameras: Sequence[CameraSpec]) -> CameraHistories | None:
    """Return the histories of a bundle's cameras; None where no camera has one."""
    return CameraHistories(cameras) if any(camera.n_history > 1 for camera in cameras) else None


def as_first(frames: FrameSet, cameras: Sequence[CameraSpec]) -> FrameSet:
    """Return frames as if nothing had been seen before them: where a history is wanted, the frame itself stands in it."""
    histories = histories_of(cameras)
    return frames if histories is None else histories.complete(frames)
