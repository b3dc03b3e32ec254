"""The motion that delays are told from: one joint, to and fro, slowly at first and then quicker. Pure.

A delay shifts every frequency by the same time, friction and play by the same angle: a motion of one frequency could not tell
the two apart, a chirp can.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SLOW_HZ, QUICK_HZ = 0.3, 1.2
FADE_S = 1.0  # from standing, and back to it


def chirp_rad(amplitude_rad: float, duration_s: float, rate_hz: float) -> Array:
    """Return the way from the middle (n,) in each period: it begins and ends there, at rest."""
    n = round(duration_s * rate_hz)
    t_s = np.arange(1, n + 1) / rate_hz
    turns = SLOW_HZ * t_s + (QUICK_HZ - SLOW_HZ) * t_s**2 / (2 * duration_s)
    edge = np.clip(np.minimum(t_s, duration_s - t_s) / min(FADE_S, duration_s / 4), 0.0, 1.0)
    fade = edge**3 * (10 - 15 * edge + 6 * edge**2)
    return amplitude_rad * fade * np.sin(2 * math.pi * turns)


def amplitude_within(wanted_rad: float, velocity_max_rad_s: float, acceleration_max_rad_s2: float) -> float:
    """Return the amplitude, at most `wanted_rad`, that keeps both limits where the chirp is quickest."""
    # The fade adds its own speed where the chirp is already quick: 1.2 is more than it ever takes.
    turn_rad_s = 1.2 * 2 * math.pi * QUICK_HZ
    return min(wanted_rad, velocity_max_rad_s / turn_rad_s, acceleration_max_rad_s2 / turn_rad_s**2)
