"""Noise on the executed targets, so that demonstrations also show the way back (DART, Laskey et al. 2017)."""

import numpy as np

from sim.kinematics import Array

# Each tick's target starts from where the arm is, so an offset acts as a drift: these are radians each 100 ms.
SIGMAS_RAD_100MS = {
    "reach": (0.0, 0.04, 0.08),
    "press": (0.0, 0.04, 0.08),
    "push": (0.0, 0.03, 0.06),
    "lift": (0.0, 0.03, 0.06),
    "choose": (0.0, 0.04, 0.08),
}
CLIP_SIGMAS = 1.5  # beyond, the noise would be stronger than the expert
HELD_NS = 300_000_000
REDRAW_PROBABILITY = 0.5


class TargetNoise:
    """One episode's offsets: a sigma drawn once, offsets that hold for a while, none on the gripper."""

    def __init__(self, task_name: str, rng: np.random.Generator, tick_ns: int = 50_000_000) -> None:
        self._rng = rng
        self._sigma_rad = float(rng.choice(SIGMAS_RAD_100MS[task_name])) * tick_ns / 100_000_000
        self._offset_rad = np.zeros(6)
        self._t_next_draw_ns = 0

    def offset_rad(self, t_now_ns: int) -> Array:
        """Offset (6,) to add to the targets that are executed at this time; never to the labels."""
        if t_now_ns >= self._t_next_draw_ns:
            self._t_next_draw_ns = t_now_ns + HELD_NS
            if self._rng.random() < REDRAW_PROBABILITY:
                self._offset_rad[:5] = self._sigma_rad * np.clip(self._rng.normal(size=5), -CLIP_SIGMAS, CLIP_SIGMAS)
        return self._offset_rad.copy()
