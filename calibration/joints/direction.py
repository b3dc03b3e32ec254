"""Which way a joint counts, from where a person moved it. Pure.

A wrong direction can be seen by nobody but a person: motor and encoder agree with each other either way. So a person turns each
joint to the side that the robot file calls positive, and what counts is where it stands in the end, not how it came there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

OFF_MIDDLE_RATIO = 0.15  # of the travel: nearer to the middle, no side is meant
TURNED_RAD = 0.17  # 10 degrees: a joint without stops has no sides, and is told by how far it was turned
ANOTHER_RAD = 0.26  # 15 degrees: another joint moved by so much ...
ITSELF_RAD = 0.087  # ... and the one that was asked for by less than that


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnedByHand:
    """Where one joint was before and after it was turned to its positive side, in counts, continuous."""

    before_counts: float
    after_counts: float
    low_counts: float | None  # the ends of its travel; None where it turns freely
    high_counts: float | None


def counted_direction(turned: TurnedByHand, rad_per_count: float) -> int | None:
    """Return 1 where the motor counts up towards the positive side, -1 where down, None where that is not to be told."""
    if turned.low_counts is None or turned.high_counts is None:
        way = turned.after_counts - turned.before_counts
        return None if abs(way) * rad_per_count < TURNED_RAD else int(np.sign(way))
    off_middle = turned.after_counts - (turned.low_counts + turned.high_counts) / 2
    if abs(off_middle) < OFF_MIDDLE_RATIO * (turned.high_counts - turned.low_counts):
        return None
    return int(np.sign(off_middle))


def another_moved(moved_rad: NDArray[np.float64], asked: int) -> int | None:
    """Return which joint was turned instead of the one asked for, from how far each was, (joint,); None where it was that one."""
    farthest = int(np.abs(moved_rad).argmax())
    if farthest == asked or abs(moved_rad[farthest]) < ANOTHER_RAD or abs(moved_rad[asked]) > ITSELF_RAD:
        return None
    return farthest
