"""The motions that tell how a joint is: ways to and fro, (n,) rad away from the middle, one place a period. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ROUNDING = 1.2  # over the shortest time in which the jerk allows the acceleration
ROOM_SHARE = 0.9  # of the way is for getting to speed and back; what is left is gone at speed


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How quickly a joint goes."""

    velocity_rad_s: float
    acceleration_rad_s2: float
    jerk_rad_s3: float


def to_and_fro(half_rad: float, pace: Pace, period_s: float) -> Array:
    """Return the way from one end, -half, to the other and back, at rest at both; slower where there is no room for the speed."""
    velocity = min(pace.velocity_rad_s, speed_possible(half_rad, pace.acceleration_rad_s2))
    way = _one_way(2 * half_rad, replace(pace, velocity_rad_s=velocity), period_s)
    return np.concatenate([way - half_rad, half_rad - way])


def speed_possible(half_rad: float, acceleration_rad_s2: float) -> float:
    """Return the greatest speed that there is room for between the ends."""
    return math.sqrt(ROOM_SHARE * 2 * half_rad * acceleration_rad_s2)


def _one_way(way_rad: float, pace: Pace, period_s: float) -> Array:
    """Return the places from 0 to `way_rad`: speed up evenly, go on, slow down, the corners of the speed rounded off."""
    velocity, acceleration = pace.velocity_rad_s, pace.acceleration_rad_s2
    ramp_s = velocity / acceleration
    cruise_s = max(0.0, way_rad / velocity - ramp_s)
    n = math.ceil((2 * ramp_s + cruise_s) / period_s) + 1
    t_s = np.arange(n) * period_s
    speed = np.clip(np.minimum(t_s, 2 * ramp_s + cruise_s - t_s) * acceleration, 0.0, velocity)
    n_round = max(2, math.ceil(ROUNDING * acceleration / pace.jerk_rad_s3 / period_s))
    rounded = np.convolve(np.concatenate([speed, np.zeros(n_round)]), np.full(n_round, 1 / n_round))
    places = np.cumsum(rounded)
    return way_rad * places / places[-1]
