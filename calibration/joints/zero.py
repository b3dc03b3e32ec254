"""Where a joint's zero is in its motor's count, and what its travel is from there. Pure.

    angle = direction * (count - zero) * rad_per_count

By the stops: a printed or milled part has its stops where the drawing has them, so the middle between the stops that were
measured is the middle between those of the drawing (`stops_rad` of the robot file, else its limits of position): what both
ends have in common, how hard one pushes and how much they give, falls out. By a pose: the arm is held where the angles are known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.joints.stops import Travel
from interfaces.arm_config import JointConfig

ALL_AROUND_RATIO = 0.98  # of a turn: a joint that was swept so far has no stops, whatever the robot file says


@dataclass(frozen=True, slots=True, kw_only=True)
class JointMeasured:
    """What the sweep and the reference told of one joint."""

    joint: JointConfig
    rad_per_count: float
    travel: Travel
    stops_rad: tuple[float, float] | None  # of the drawing; None where the joint turns freely
    zero_counts: float  # continuous, as `travel`

    def angle_rad(self, counts: float) -> float:
        """Return the joint's angle at a count."""
        return self.joint.direction * (counts - self.zero_counts) * self.rad_per_count

    def counts(self, angle_rad: float) -> float:
        """Return the count at an angle."""
        return self.zero_counts + self.joint.direction * angle_rad / self.rad_per_count

    @property
    def range_rad(self) -> tuple[float, float]:
        """Return from where to where it turns: between its stops, or, where it has none, the limits of the robot file."""
        if self.stops_rad is None:
            return self.joint.position_min_rad, self.joint.position_max_rad
        ends = sorted((self.angle_rad(self.travel.low.at_counts), self.angle_rad(self.travel.high.at_counts)))
        return ends[0], ends[1]

    @property
    def width_error_rad(self) -> float:
        """Return how much wider its travel is than the drawing's; 0 where it has no stops."""
        if self.stops_rad is None:
            return 0.0
        return self.travel.width_rad(self.rad_per_count) - (self.stops_rad[1] - self.stops_rad[0])

    @property
    def beyond_stops_rad(self) -> float:
        """Return how far the robot file lets it go beyond its stops, at the worse end; negative where it stays off them."""
        low, high = self.range_rad
        return max(low - self.joint.position_min_rad, self.joint.position_max_rad - high)

    @property
    def repeatability_rad(self) -> float:
        """Return how far visits to the same stop were apart; NaN where each was visited once, or there is none."""
        if self.stops_rad is None:
            return math.nan
        return float(np.fmax(self.travel.low.spread_rad, self.travel.high.spread_rad))

    @property
    def middles_apart_rad(self) -> float:
        """Return how far the middle between its stops is from where the drawing has it; NaN where there are none.

        With the zero taken from the stops that is nothing, with a pose it says how well that was held.
        """
        if self.stops_rad is None:
            return math.nan
        return sum(self.range_rad) / 2 - sum(self.stops_rad) / 2


def stops_of(joint: JointConfig, *, turns_freely: bool) -> tuple[float, float] | None:
    """Return where the drawing has the joint's stops, None where it has none."""
    if turns_freely or joint.stops_rad == ():
        return None
    low, high = joint.stops_rad or (joint.position_min_rad, joint.position_max_rad)
    return low, high


def went_all_around(travel: Travel, rad_per_count: float) -> bool:
    """Return whether a joint was turned so far that it can have no stops."""
    return travel.width_rad(rad_per_count) >= ALL_AROUND_RATIO * 2 * math.pi


def zero_by_stops(joint: JointConfig, travel: Travel, stops_rad: tuple[float, float], rad_per_count: float) -> float:
    """Return the count at 0 rad, from the middle between the stops."""
    middle = (travel.low.at_counts + travel.high.at_counts) / 2
    return middle - joint.direction * sum(stops_rad) / 2 / rad_per_count


def zero_by_pose(joint: JointConfig, counts: NDArray[np.float64], pose_rad: float, rad_per_count: float) -> float:
    """Return the count at 0 rad, from the readings (reading,) of a joint that was held at `pose_rad`.

    A hand trembles, an encoder has noise: the mean of many readings is finer than a tick.
    """
    return float(counts.mean()) - joint.direction * pose_rad / rad_per_count
