"""Which way a joint counts, and whether it was that joint."""

import numpy as np
import pytest

from calibration.joints.direction import TurnedByHand, another_moved, counted_direction

RAD_PER_TICK = 2 * np.pi / 4096


@pytest.mark.parametrize(
    ("before", "after", "found"), [(200, 3000, 1), (3900, 3000, 1), (3000, 500, -1), (10, 500, -1)]
)
def test_where_a_joint_stands_counts_and_not_how_it_came_there(before: float, after: float, found: int) -> None:
    turned = TurnedByHand(before_counts=before, after_counts=after, low_counts=0.0, high_counts=4000.0)
    assert counted_direction(turned, RAD_PER_TICK) == found


def test_near_the_middle_nothing_is_told() -> None:
    turned = TurnedByHand(before_counts=0.0, after_counts=2300.0, low_counts=0.0, high_counts=4000.0)
    assert counted_direction(turned, RAD_PER_TICK) is None


@pytest.mark.parametrize(("after", "found"), [(1000.0, None), (1300.0, 1), (500.0, -1)])
def test_a_joint_without_stops_is_told_by_how_it_was_turned(after: float, found: int | None) -> None:
    turned = TurnedByHand(before_counts=1000.0, after_counts=after, low_counts=None, high_counts=None)
    assert counted_direction(turned, RAD_PER_TICK) == found


def test_swapped_ids_are_seen() -> None:
    assert another_moved(np.array([0.02, -0.8, 0.05]), 0) == 1
    assert another_moved(np.array([0.5, -0.8, 0.05]), 0) is None  # it was turned too: limp joints sag
    assert another_moved(np.array([0.02, -0.1, 0.05]), 0) is None  # it stood there already
    assert another_moved(np.array([0.9, 0.1, 0.05]), 0) is None
