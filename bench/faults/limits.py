"""What holds through every fault: the limits of the robot file, measured on the commands themselves, and the time to rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interfaces.arm_config import ArmConfig
from interfaces.messages import JointRows

TOLERANCE_RATIO = 1e-6  # of each limit: differences of floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Worst:
    """How much of each limit was used, at worst; more than 1 is a violation."""

    outside_rad: float = 0.0  # beyond a position limit
    velocity_ratio: float = 0.0
    acceleration_ratio: float = 0.0
    jerk_ratio: float = 0.0

    @property
    def within(self) -> bool:
        """Return whether every limit was kept."""
        used = max(self.velocity_ratio, self.acceleration_ratio, self.jerk_ratio)
        return self.outside_rad <= TOLERANCE_RATIO and used <= 1.0 + TOLERANCE_RATIO

    def line(self) -> str:
        """Return the figures for people."""
        return (
            f"outside {self.outside_rad:.2g} rad, of its limit: velocity {self.velocity_ratio:.4f},"
            f" acceleration {self.acceleration_ratio:.4f}, jerk {self.jerk_ratio:.4f}"
        )


def worst_of(*parts: Worst) -> Worst:
    """Return the worst of some."""
    return Worst(**{name: max((getattr(part, name) for part in parts), default=0.0) for name in Worst.__slots__})


class MotionLimits:
    """The limits of an arm, held against what it was commanded period by period."""

    def __init__(self, arm: ArmConfig) -> None:
        """Take the limits of the robot file."""
        self._low_rad, self._high_rad = arm.vector("position_min_rad"), arm.vector("position_max_rad")
        period_s = arm.period_ns * 1e-9
        self._steps = (  # of one period: first, second and third difference
            arm.vector("velocity_max_rad_s") * period_s,
            arm.vector("acceleration_max_rad_s2") * period_s**2,
            arm.vector("jerk_max_rad_s3") * period_s**3,
        )

    def worst(self, commanded_rad: JointRows) -> Worst:
        """Return how much of the limits one stretch of commands used: (period, joint), from an arm at rest on."""
        if not np.isfinite(commanded_rad).all():
            return Worst(outside_rad=np.inf)
        rows = np.vstack([commanded_rad[:1].repeat(3, axis=0), commanded_rad])
        used = [float(np.max(np.abs(np.diff(rows, n, axis=0)) / step)) for n, step in enumerate(self._steps, start=1)]
        # An arm that stood outside its limits when it was armed may be there, but go no farther.
        low_rad, high_rad = np.minimum(self._low_rad, rows[0]), np.maximum(self._high_rad, rows[0])
        outside_rad = float(max((low_rad - rows).max(), (rows - high_rad).max(), 0.0))
        return Worst(outside_rad=outside_rad, velocity_ratio=used[0], acceleration_ratio=used[1], jerk_ratio=used[2])


def rest_max_ns(arm: ArmConfig) -> int:
    """Return the longest that braking to rest may take, from any motion within the limits.

    From top speed while still accelerating: give up the acceleration, brake, and end braking as gently as the jerk limit asks.
    One period more until the first command that brakes, and one because rest is seen as two equal commands.
    """
    velocity, acceleration, jerk = (
        arm.vector(key) for key in ("velocity_max_rad_s", "acceleration_max_rad_s2", "jerk_max_rad_s3")
    )
    return round(float(np.max(velocity / acceleration + 2 * acceleration / jerk)) * 1e9) + 2 * arm.period_ns


def still(commanded_rad: JointRows) -> NDArray[np.bool_]:
    """Return for each command whether it equals the one before, (period,); the first does by definition."""
    return np.concatenate([[True], (np.diff(commanded_rad, axis=0) == 0).all(axis=1)])
