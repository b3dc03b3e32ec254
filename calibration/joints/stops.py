"""Where a joint's stops are, from the counts of a joint that was moved to and fro by hand. Pure.

A joint stands at a stop for a moment while it is pushed against it, and its encoder tells the same count over and over, give
or take its noise: the mean of those is where the stop is, finer than one tick where there is noise. A stop that was visited
more than once tells how well it repeats.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEAR_RAD = 0.026  # 1.5 degrees: a visit came at least so close to the outermost one
AWAY_RAD = 0.17  # 10 degrees: who went so far and came back visits anew
END_RAD = (
    0.0095  # 6 ticks of 4096: most of what is this close to a visit's outermost reading was measured at the stop ...
)
PLATEAU_RAD = 0.0042  # ... and what is off the middle of that by no more than 2.7 ticks counts: noise on both its sides
DWELL_READINGS = 5  # fewer are a turning back before the stop
ALIKE_RAD = 0.0062  # 4 ticks: visits this close to the outermost one are averaged


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One end of a joint's travel."""

    at_counts: float
    n_visits: int  # with a dwell
    spread_rad: float  # between visits; NaN where there was one


@dataclass(frozen=True, slots=True, kw_only=True)
class Travel:
    """Both ends, the lower count first."""

    low: Stop
    high: Stop

    def width_rad(self, rad_per_count: float) -> float:
        """Return how far it is from stop to stop."""
        return (self.high.at_counts - self.low.at_counts) * rad_per_count


def find_travel(counts: NDArray[np.float64], rad_per_count: float) -> Travel:
    """Return the ends of one joint's travel from all its counts (reading,) in the order they were measured."""
    low = _high_end(-counts, rad_per_count)
    high = _high_end(counts, rad_per_count)
    return Travel(low=Stop(at_counts=-low.at_counts, n_visits=low.n_visits, spread_rad=low.spread_rad), high=high)


def _high_end(counts: NDArray[np.float64], rad_per_count: float) -> Stop:
    ends = [_plateau(visit, rad_per_count) for visit in _visits(counts, rad_per_count)]
    dwelt = np.array([end for end, n_readings in ends if n_readings >= DWELL_READINGS])
    if len(dwelt) == 0:
        return Stop(at_counts=float(counts.max()), n_visits=0, spread_rad=float("nan"))
    alike = dwelt[dwelt >= dwelt.max() - ALIKE_RAD / rad_per_count]
    spread_rad = float(np.ptp(dwelt)) * rad_per_count if len(dwelt) > 1 else float("nan")
    return Stop(at_counts=float(alike.mean()), n_visits=len(dwelt), spread_rad=spread_rad)


def _visits(counts: NDArray[np.float64], rad_per_count: float) -> list[NDArray[np.float64]]:
    """Return the readings of each visit to the high end: those near it, between two times that the joint was away from it."""
    near = counts >= counts.max() - NEAR_RAD / rad_per_count
    away = counts < counts.max() - AWAY_RAD / rad_per_count
    # How often the joint had been away before each reading: the readings of one visit have the same number.
    n_away_before = np.cumsum(away)
    return [counts[near & (n_away_before == number)] for number in np.unique(n_away_before[near])]


def _plateau(visit: NDArray[np.float64], rad_per_count: float) -> tuple[float, int]:
    at_end = visit[visit >= visit.max() - END_RAD / rad_per_count]
    plateau = at_end[np.abs(at_end - np.median(at_end)) <= PLATEAU_RAD / rad_per_count]
    if len(plateau) == 0:  # two readings in passing, none of them at the middle between both
        return float(visit.max()), 0
    return float(plateau.mean()), len(plateau)
