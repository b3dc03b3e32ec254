"""Which poses are kept, so that they lie all over the joints' ranges: only one that is far enough from all kept before. Pure.

Distance is measured with every joint's range as 1. Where it is known which way the arm will go, "far enough" is what lets just
as many poses as are wanted find room along it. Where a hand leads it, it begins where so many would find room in a cube, and
becomes less whenever nothing new is found: first far corners are taken, then the gaps between. What is done twice is kept once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interfaces.arm_config import ArmConfig

RELAX_RATIO = 0.96
LARGEST = 2.0
BISECTIONS = 8
NEAREST = 0.015  # of a joint's range; nearer is the same pose, however few there are
N_BINS = 10  # of each joint's range, for people

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How well kept poses cover the joints' ranges."""

    n_in_bins: NDArray[np.int64]  # (joint, N_BINS) of the range, from its lower end
    covered_ratio: Array  # (joint,) share of bins with a pose in them
    least_distance_ratio: float  # between two kept poses, of the joints' ranges; 0 where there are none


class Balance:
    """The poses kept so far."""

    def __init__(self, config: ArmConfig, n_wanted: int, kept_rad: Array | None = None) -> None:
        """`kept_rad` (pose, joint) are those of a capture that goes on."""
        self._low, high = config.vector("position_min_rad"), config.vector("position_max_rad")
        self._width = high - self._low
        n_joints = len(self._low)
        self.n_wanted = n_wanted
        self._kept = np.empty((max(n_wanted, 0 if kept_rad is None else len(kept_rad)), n_joints))
        self.n_kept = 0
        self.distance = float(n_wanted) ** (-1.0 / n_joints)
        for pose in np.empty((0, n_joints)) if kept_rad is None else kept_rad:
            self.add(pose)

    @property
    def is_complete(self) -> bool:
        """Return whether as many are kept as were wanted."""
        return self.n_kept >= self.n_wanted

    @property
    def kept(self) -> Array:
        """Return the kept poses (pose, joint), each joint's range as 0..1."""
        return self._kept[: self.n_kept]

    def scaled(self, positions_rad: Array) -> Array:
        """Return poses (..., joint) with each joint's range as 0..1."""
        return (positions_rad - self._low) / self._width

    def is_new(self, position_rad: Array) -> bool:
        """Return whether a pose (joint,) is far enough from all that are kept."""
        if self.is_complete:
            return False
        away = self.kept - self.scaled(position_rad)
        return bool(((away * away).sum(axis=1) >= self.distance**2).all())

    def add(self, position_rad: Array) -> None:
        """Keep a pose (joint,)."""
        self._kept[self.n_kept] = self.scaled(position_rad)
        self.n_kept += 1

    def relax(self) -> None:
        """Ask for less distance from now on."""
        self.distance = max(NEAREST, self.distance * RELAX_RATIO)

    def tighten(self) -> None:
        """Ask for more distance from now on."""
        self.distance = min(LARGEST, self.distance / RELAX_RATIO)

    def expect(self, positions_rad: Array) -> None:
        """Ask for the distance at which as many as are wanted find room among the poses (pose, joint) to come."""
        places = self.scaled(positions_rad)
        low, high = NEAREST, LARGEST
        for _ in range(BISECTIONS):
            self.distance = (low + high) / 2
            if self._n_along(places) < self.n_wanted:
                high = self.distance
            else:
                low = self.distance

    def _n_along(self, places: Array) -> int:
        """Return how many would be kept after the places (place, joint), in their order."""
        kept = np.empty((self.n_wanted, places.shape[1]))
        kept[: self.n_kept] = self.kept
        n_kept = self.n_kept
        for place in places:
            away = kept[:n_kept] - place
            if n_kept < self.n_wanted and ((away * away).sum(axis=1) >= self.distance**2).all():
                kept[n_kept] = place
                n_kept += 1
        return n_kept

    def coverage(self) -> Coverage:
        """Return how well the ranges are covered."""
        bins = np.clip((self.kept * N_BINS).astype(np.int64), 0, N_BINS - 1)
        counts = np.array([np.bincount(column, minlength=N_BINS) for column in bins.T], np.int64)
        return Coverage(
            n_in_bins=counts,
            covered_ratio=(counts > 0).mean(axis=1),
            least_distance_ratio=_least_distance(self.kept),
        )


def largest_hole(kept: Array, anywhere: Array) -> float:
    """Return how far the farthest of `anywhere` (pose, joint) is from the nearest kept pose (pose, joint), both scaled."""
    nearest = [float(np.sqrt(((kept - place) ** 2).sum(axis=1).min())) for place in anywhere]
    return max(nearest)


def farthest(places: Array, kept: Array, n_places: int) -> tuple[list[int], float]:
    """Return which places (place, joint) to take, each the farthest from `kept` and those before; and how far the last one was."""
    distance2 = np.full(len(places), np.inf)
    for place in kept:
        distance2 = np.minimum(distance2, ((places - place) ** 2).sum(axis=1))
    chosen: list[int] = []
    last2 = np.inf
    for _ in range(min(n_places, len(places))):
        chosen.append(int(distance2.argmax()))
        last2 = float(distance2[chosen[-1]])
        distance2 = np.minimum(distance2, ((places - places[chosen[-1]]) ** 2).sum(axis=1))
    return chosen, float(np.sqrt(last2))


def _least_distance(kept: Array) -> float:
    if len(kept) < 2:
        return 0.0
    squares = (kept * kept).sum(axis=1)
    distances2 = squares[:, None] + squares - 2.0 * kept @ kept.T
    np.fill_diagonal(distances2, np.inf)
    return float(np.sqrt(max(0.0, float(distances2.min()))))
