"""The noise of a camera's sensor: at most one step of 256 up or down (two from black and white), another in each picture.

A renderer gives the same bits whenever nothing moves, which a real camera never does, and which the runtime takes for a fault.
"""

from __future__ import annotations

import numpy as np

from interfaces.messages import Rgb

_BANK_STARTS = 4096  # the bank is longer than a picture by so many values: as many different pictures of noise


class SensorNoise:
    """Adds noise out of a bank drawn once: drawing a picture's worth takes 20 times as long as adding it."""

    def __init__(self, width_px: int, height_px: int, seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)
        size = width_px * height_px * 3
        # -1, 0 and 1 as what a sum that wraps around makes of them: 255, 0, 1.
        self._bank = self._rng.integers(-1, 2, size + _BANK_STARTS, np.int8).view(np.uint8)
        self._shape = (height_px, width_px, 3)
        self._size = size

    def on(self, rgb: Rgb) -> Rgb:
        """Return the picture with noise on it."""
        start = int(self._rng.integers(_BANK_STARTS))
        noisy = np.clip(rgb, 1, 254)  # leaves room for the noise
        noisy += self._bank[start : start + self._size].reshape(self._shape)
        return noisy
