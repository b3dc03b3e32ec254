"""When a camera's exposure has settled after a start: pure, told of each frame."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

FRAMES_MIN = 15  # half a second at 30 Hz: the first reads of a cold D435 are dark, and change only after some frames
FRAMES_MAX = 90  # a scene may never settle: lamps that flicker, people who pass
STEADY_FRAMES = 6
STEADY_RATIO = 0.05  # of exposure times gain, or of brightness, between the least and the most of the last frames


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """How long, and how much amplified, a frame was exposed, in the camera's own units."""

    time: int
    gain: int


class ExposureSettling:
    """Watches exposure times gain, or, where frames do not tell it, their mean brightness."""

    def __init__(self) -> None:
        """Start at the first frame."""
        self.frames = 0
        self._measured = deque[float](maxlen=STEADY_FRAMES)
        self._by_exposure = False
        self.settled = False

    @property
    def over(self) -> bool:
        """Return whether to wait no longer: settled, or FRAMES_MAX came."""
        return self.settled or self.frames >= FRAMES_MAX

    @property
    def seen_by(self) -> str:
        """Return what was watched, for the log."""
        return "exposure" if self._by_exposure else "brightness"

    def add(self, exposure: Exposure | None, brightness: float) -> None:
        """Take one frame: what it says of its exposure, None where nothing, and its mean value, 0 .. 255."""
        self.frames += 1
        by_exposure = exposure is not None
        if by_exposure != self._by_exposure:  # the two cannot be compared
            self._measured.clear()
            self._by_exposure = by_exposure
        self._measured.append(float(exposure.time * max(exposure.gain, 1)) if exposure else brightness)
        steady = len(self._measured) == STEADY_FRAMES and self._spread() <= STEADY_RATIO
        self.settled = steady and self.frames >= FRAMES_MIN

    def _spread(self) -> float:
        most = max(self._measured)
        return (most - min(self._measured)) / most if most > 0 else 0.0
