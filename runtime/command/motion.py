"""Motion of joints at an instant, and the smooth way from one such motion to another. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interfaces.messages import JointVector

Polynomials = NDArray[np.float64]  # (..., power 0 to 5, joint), of the time in s since their beginning


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """Where joints are, how fast they move and how that changes; each (joint,)."""

    position_rad: JointVector
    velocity_rad_s: JointVector
    acceleration_rad_s2: JointVector

    @classmethod
    def at_rest(cls, position_rad: JointVector) -> Motion:
        """Return standing still at a position."""
        still = np.zeros(len(position_rad))
        return cls(position_rad=position_rad, velocity_rad_s=still, acceleration_rad_s2=still)

    def __add__(self, other: Motion) -> Motion:
        """Return both motions at once."""
        return Motion(
            position_rad=self.position_rad + other.position_rad,
            velocity_rad_s=self.velocity_rad_s + other.velocity_rad_s,
            acceleration_rad_s2=self.acceleration_rad_s2 + other.acceleration_rad_s2,
        )

    def __sub__(self, other: Motion) -> Motion:
        """Return this motion as seen from the other."""
        return Motion(
            position_rad=self.position_rad - other.position_rad,
            velocity_rad_s=self.velocity_rad_s - other.velocity_rad_s,
            acceleration_rad_s2=self.acceleration_rad_s2 - other.acceleration_rad_s2,
        )


def quintic(start: Motion, end: Motion, duration_s: float) -> Polynomials:
    """Return the polynomial of least degree from one motion to another: it keeps position, velocity and acceleration at both.

    Of all ways there it has the least mean square jerk. Works on whole stacks of motions, (..., joint).
    """
    speed, bend = start.velocity_rad_s * duration_s, start.acceleration_rad_s2 * duration_s**2 / 2
    way = end.position_rad - start.position_rad - speed - bend
    faster = end.velocity_rad_s * duration_s - speed - 2 * bend
    tighter = end.acceleration_rad_s2 * duration_s**2 / 2 - bend
    c3 = 10 * way - 4 * faster + tighter
    c4 = -15 * way + 7 * faster - 2 * tighter
    c5 = 6 * way - 3 * faster + tighter
    scaled = np.stack([start.position_rad, speed, bend, c3, c4, c5], axis=-2)
    return scaled / duration_s ** np.arange(6)[:, None]


def motion_on(polynomial: Polynomials, t_s: float) -> Motion:
    """Return the motion `t_s` after the beginning of one polynomial, (power, joint)."""
    t2, t3, t4 = t_s * t_s, t_s**3, t_s**4
    powers = np.array(
        (
            (1.0, t_s, t2, t3, t4, t4 * t_s),
            (0.0, 1.0, 2 * t_s, 3 * t2, 4 * t3, 5 * t4),
            (0.0, 0.0, 2.0, 6 * t_s, 12 * t2, 20 * t3),
        )
    )
    position_rad, velocity_rad_s, acceleration_rad_s2 = powers @ polynomial
    return Motion(position_rad=position_rad, velocity_rad_s=velocity_rad_s, acceleration_rad_s2=acceleration_rad_s2)
