"""The pictures of all cameras, at the rate the record keeps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from interfaces.messages import Frame
from runtime.flight.frame_ring import FrameRingReader


class Pictures:
    """Looks into the rings; of each camera's frames it takes every so many, by their instants."""

    def __init__(self, rings: Sequence[FrameRingReader], rate_hz: float) -> None:
        """Take up to `rate_hz` a second from each ring; 0 takes none."""
        self._rings = tuple(rings) if rate_hz > 0 else ()
        self._period_ns = round(1e9 / rate_hz) if rate_hz > 0 else 0
        self._t_last_ns = [0] * len(self._rings)  # of what was taken
        self._t_due_ns = [0] * len(self._rings)

    @property
    def torn(self) -> int:
        """Return how many were written over while they were copied."""
        return sum(ring.torn for ring in self._rings)

    def take(self) -> Iterator[Frame]:
        """Return the frames that are due."""
        for index, ring in enumerate(self._rings):
            frame = ring.newest()
            if frame is not None and self._is_due(index, frame.t_capture_ns):
                yield frame

    def close(self) -> None:
        """Let go of the rings."""
        for ring in self._rings:
            ring.close()

    def _is_due(self, index: int, t_capture_ns: int) -> bool:
        """Return whether to take a frame; one a little early counts, or a camera of the very rate would lose every other."""
        t_last_ns, t_due_ns = self._t_last_ns[index], self._t_due_ns[index]
        if t_last_ns <= t_capture_ns < t_due_ns - self._period_ns // 4:  # earlier than the last: a clock was set back
            return False
        in_time = t_last_ns <= t_capture_ns <= t_due_ns + self._period_ns
        self._t_due_ns[index] = (t_due_ns if in_time else t_capture_ns) + self._period_ns
        self._t_last_ns[index] = t_capture_ns
        return True
