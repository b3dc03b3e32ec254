"""A camera that goes on sending the very same picture: its sensor hangs, though frames come in time. Pure."""

from __future__ import annotations

import numpy as np

from interfaces.messages import Rgb

_STRIDE_PX = 8  # a sensor's noise is everywhere: one row in eight shows it (single pixels would take longer to look at)


class FrozenCamera:
    """Watches pictures for as little as a sensor's noise; a real one never gives the same bits twice."""

    def __init__(self, frozen_ms: float) -> None:
        """Take how long the same picture may come; 0 does not look."""
        self._frozen_ns = round(frozen_ms * 1e6)
        self._sample: Rgb | None = None
        self._t_changed_ns = 0

    def frozen(self, rgb: Rgb, t_now_ns: int) -> bool:
        """Return whether the picture that came at `t_now_ns` is the one that came for too long already."""
        if self._frozen_ns == 0:
            return False
        sample = rgb[::_STRIDE_PX]
        if self._sample is None or not np.array_equal(sample, self._sample):
            self._sample, self._t_changed_ns = sample.copy(), t_now_ns
        return t_now_ns - self._t_changed_ns > self._frozen_ns
