"""Which poses are kept: none twice, none near another, and the more room there is the farther apart."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.capture.balance import NEAREST, Balance, farthest, largest_hole
from interfaces.robot_config import load_robot

ARM = load_robot(Path(__file__).parents[3] / "robots" / "simulated.toml").arm
LOW, HIGH = ARM.vector("position_min_rad"), ARM.vector("position_max_rad")


def pose(*shares: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Joints at shares of their ranges; the last share is that of all others."""
    return LOW + (HIGH - LOW) * np.array([*shares, *[shares[-1]] * (6 - len(shares))])


def test_a_pose_is_new_once() -> None:
    balance = Balance(ARM, 10)
    assert balance.is_new(pose(0.5))
    balance.add(pose(0.5))
    assert not balance.is_new(pose(0.5))
    for _ in range(1000):
        balance.relax()
    assert balance.distance == NEAREST  # however long it waits: the same pose is the same pose
    assert not balance.is_new(pose(0.5))
    assert not balance.is_new(pose(0.5 + 0.9 * NEAREST, 0.5))
    assert balance.is_new(pose(0.5 + 1.1 * NEAREST, 0.5))


def test_a_joint_of_small_range_counts_as_much_as_one_of_large() -> None:
    arm = replace(
        ARM, joints=(replace(ARM.joints[0], position_max_rad=LOW[0] + 0.01, rest_rad=LOW[0]), *ARM.joints[1:])
    )
    balance = Balance(arm, 10)
    balance.add(np.array([LOW[0], *pose(0.5)[1:]]))
    balance.distance = 0.4
    assert balance.is_new(np.array([LOW[0] + 0.005, *pose(0.5)[1:]]))
    assert not balance.is_new(np.array([LOW[0] + 0.003, *pose(0.5)[1:]]))


def test_it_is_complete_with_as_many_as_were_wanted() -> None:
    balance = Balance(ARM, 3, np.array([pose(0.0), pose(1.0)]))
    assert (balance.n_kept, balance.is_complete) == (2, False)
    balance.add(pose(0.0, 1.0))
    assert balance.is_complete
    assert not balance.is_new(pose(1.0, 0.0))


def test_a_capture_that_has_more_than_are_wanted_now_is_complete() -> None:
    assert Balance(ARM, 1, np.array([pose(0.0), pose(1.0)])).is_complete


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 60))
def test_whatever_comes_no_two_kept_poses_are_nearer_than_the_least_distance_asked(seed: int, n_wanted: int) -> None:
    rng = np.random.default_rng(seed)
    balance = Balance(ARM, n_wanted)
    least = balance.distance
    for place in rng.uniform(0, 1, (300, 6)):
        position = LOW + place * (HIGH - LOW)
        if balance.is_new(position):
            balance.add(position)
        elif rng.random() < 0.2:
            balance.relax()
            least = min(least, balance.distance)
    if balance.n_kept > 1:
        assert balance.coverage().least_distance_ratio >= least - 1e-9
    assert balance.n_kept <= n_wanted


def test_a_walk_that_is_known_is_covered_from_its_beginning_to_its_end() -> None:
    rng = np.random.default_rng(4)
    corners = rng.uniform(0, 1, (40, 6))
    shares = np.linspace(0, 1, 25)[:, None]
    walk = np.concatenate([a + shares * (b - a) for a, b in itertools.pairwise(corners)])
    positions = LOW + walk * (HIGH - LOW)
    balance = Balance(ARM, 80)
    balance.expect(positions)
    kept: list[int] = []
    for k, position in enumerate(positions):
        if balance.is_new(position):
            balance.add(position)
            kept.append(k)
    assert 76 <= len(kept) <= 80
    assert kept[-1] > 0.9 * len(walk)
    best = walk[farthest(walk, np.empty((0, 6)), 80)[0]]  # chosen with all of the walk known
    assert largest_hole(balance.kept, walk) < 1.5 * largest_hole(best, walk)
    assert largest_hole(walk[: len(walk) // 2], walk) > 1.5 * largest_hole(
        best, walk
    )  # what covering half of it is worth


def test_places_are_taken_one_after_the_other_where_there_is_most_room() -> None:
    line = np.linspace(0.0, 1.0, 101)[:, None]
    chosen, last = farthest(line, np.array([[0.0]]), 3)
    assert line[chosen].ravel().tolist() == pytest.approx([1.0, 0.5, 0.25])
    assert last == pytest.approx(0.25)


def test_coverage_counts_where_in_its_range_each_joint_was() -> None:
    balance = Balance(ARM, 100)
    for share in (0.05, 0.15, 0.95):
        balance.add(pose(share, 0.5))
    coverage = balance.coverage()
    assert coverage.n_in_bins[0].tolist() == [1, 1, 0, 0, 0, 0, 0, 0, 0, 1]
    assert coverage.n_in_bins[1].tolist() == [0, 0, 0, 0, 0, 3, 0, 0, 0, 0]
    assert coverage.covered_ratio.tolist() == pytest.approx([0.3, *[0.1] * 5])
    assert coverage.least_distance_ratio == pytest.approx(0.1)
    assert Balance(ARM, 5).coverage().covered_ratio.tolist() == [0.0] * 6
