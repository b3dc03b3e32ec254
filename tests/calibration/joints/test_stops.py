"""Stops from the readings of a joint that was moved to and fro."""

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.joints.stops import find_travel

RAD_PER_TICK = 2 * math.pi / 4096
DWELL = 40

Array = NDArray[np.float64]


def swept(ends: list[float], *, noise: float = 0.0, seed: int = 0, dwell: int = DWELL) -> Array:
    """Return the ticks of a joint that is led from place to place, and kept at each."""
    rng = np.random.default_rng(seed)
    way: list[Array] = []
    for start, end in itertools.pairwise(ends):
        way += [np.arange(start, end, math.copysign(30.0, end - start)), np.full(dwell, end)]
    places = np.concatenate(way)
    return np.rint(places + rng.normal(0.0, noise, len(places)))


def test_stops_that_fall_on_ticks_are_found_to_a_fraction_of_one() -> None:
    travel = find_travel(swept([1000, 300, 2900, 300, 2900, 1500]), RAD_PER_TICK)
    assert travel.low.at_counts == pytest.approx(300, abs=0.1)
    assert travel.high.at_counts == pytest.approx(2900, abs=0.1)
    assert (travel.low.n_visits, travel.high.n_visits) == (2, 2)
    assert travel.low.spread_rad < 0.2 * RAD_PER_TICK
    assert travel.width_rad(RAD_PER_TICK) == pytest.approx(2600 * RAD_PER_TICK, abs=0.2 * RAD_PER_TICK)


def test_noise_makes_stops_between_ticks_visible() -> None:
    middles: list[float] = []
    for seed in range(20):
        travel = find_travel(swept([1000, 300.4, 2899.8, 1500], noise=0.7, seed=seed), RAD_PER_TICK)
        middles.append((travel.low.at_counts + travel.high.at_counts) / 2)
    assert np.sqrt(np.mean((np.array(middles) - 1600.1) ** 2)) < 0.12


def test_a_stop_that_was_not_kept_is_no_visit() -> None:
    travel = find_travel(swept([1000, 300, 2900, 1500], dwell=1), RAD_PER_TICK)
    assert (travel.low.n_visits, travel.high.n_visits) == (0, 0)
    assert travel.low.at_counts == pytest.approx(300)
    assert math.isnan(travel.low.spread_rad)


def test_visits_apart_are_told_and_the_outer_ones_count() -> None:
    travel = find_travel(swept([1000, 300, 2900, 312, 2900, 1500]), RAD_PER_TICK)
    assert travel.low.n_visits == 2
    assert travel.low.spread_rad == pytest.approx(12 * RAD_PER_TICK, abs=0.3 * RAD_PER_TICK)
    assert travel.low.at_counts == pytest.approx(300, abs=0.1)


def test_a_turn_halfway_is_no_stop() -> None:
    travel = find_travel(swept([1000, 300, 2000, 300, 2900, 1500]), RAD_PER_TICK)
    assert (travel.low.n_visits, travel.high.n_visits) == (2, 1)
    assert math.isnan(travel.high.spread_rad)
