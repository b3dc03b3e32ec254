"""Noise on the executed targets, so that demonstrations also show the way back (DART, Laskey et al. 2017). Pure."""

from __future__ import annotations

import numpy as np

from sim.metaworld.targets import Vector

SIGMAS_M = (0.0, 0.010, 0.020)  # one of them for an episode; the hand drifts by about as much in 60 ms
CLIP_SIGMAS = 1.5
HELD_STEPS = 8  # 100 ms
REDRAW_PROBABILITY = 0.5


class TargetNoise:
    """One episode's offsets: a sigma drawn once, offsets that hold for a while, none on the fingers."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._sigma_m = float(rng.choice(SIGMAS_M))
        self._offset = np.zeros(4)

    def offset(self, step: int) -> Vector:
        """Return the offset (4,) of the target that is executed at this step of the episode, counted without gaps; never of a label."""
        if step % HELD_STEPS == 0 and self._rng.random() < REDRAW_PROBABILITY:
            drawn = np.clip(self._rng.normal(size=3), -CLIP_SIGMAS, CLIP_SIGMAS)
            self._offset = np.append(self._sigma_m * drawn, 0.0)
        return self._offset.copy()
