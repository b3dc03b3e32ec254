"""Paths of joints, one place a period: smooth steps, and the motion at each place of them. Pure."""

from __future__ import annotations

import numpy as np

from interfaces.messages import JointVector
from runtime.command.motion import Motion


def smooth(share: float) -> float:
    """Return the share of the way at a share of the time: at rest at both ends."""
    return share * share * (3.0 - 2.0 * share)


def motions_along(path_rad: list[JointVector], period_s: float) -> list[Motion]:
    """Return the motion at each place of a path: the gate follows exactly what it knows the speed of, and lags behind mere places."""
    if not path_rad:
        return []
    padded = np.array([path_rad[0], *path_rad, path_rad[-1]])  # at rest at both ends
    velocity_rad_s = (padded[2:] - padded[:-2]) / (2 * period_s)
    acceleration_rad_s2 = (padded[2:] - 2 * padded[1:-1] + padded[:-2]) / period_s**2
    return [
        Motion(position_rad=place, velocity_rad_s=velocity, acceleration_rad_s2=acceleration)
        for place, velocity, acceleration in zip(path_rad, velocity_rad_s, acceleration_rad_s2, strict=True)
    ]
