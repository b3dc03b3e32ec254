"""Rates and paired differences, against cases that can be reckoned by hand."""

from __future__ import annotations

import math

import pytest

from bench.study.rates import by_training_seed, difference, in_order, rate
from bench.study.trials import Trial


def trial(arm: str, training_seed: int, task: str, seed: int, *, won: bool) -> Trial:
    return Trial(arm=arm, training_seed=training_seed, task=task, seed=seed, success_s=1.5 if won else None)


TRIALS = [
    trial(arm, training_seed, task, seed, won=won)
    for arm, training_seed, task, wins in (
        ("svam", 0, "reach", (1, 1, 1, 1)), ("svam", 0, "push", (1, 1, 0, 0)),
        ("svam", 1, "reach", (1, 1, 1, 0)), ("svam", 1, "push", (0, 0, 0, 0)),
        ("raw", 0, "reach", (1, 1, 0, 0)), ("raw", 0, "push", (0, 1, 0, 0)),
    )
    for seed, won in enumerate(map(bool, wins))
]  # fmt: skip


def test_rates_are_pooled_or_of_one_training() -> None:
    assert in_order(TRIALS) == (["svam", "raw"], ["reach", "push"])
    pooled = rate(TRIALS, "svam")
    assert (pooled.successes, pooled.trials, pooled.ratio) == (9, 16, 9 / 16)
    assert pooled.interval == pytest.approx((0.3318, 0.7690), abs=2e-4)  # Wilson, by any calculator
    assert rate(TRIALS, "svam", "push").ratio == 0.25
    assert rate(TRIALS, "svam", "push", training_seed=0).ratio == 0.5
    assert by_training_seed(TRIALS, "svam") == {0: 0.75, 1: 0.375}
    assert math.isnan(rate(TRIALS, "svam", "lift").ratio)


def test_differences_are_of_the_same_training_seed_in_the_same_scene() -> None:
    """Only training seed 0 has both: scene by scene raw - svam is 0 0 -1 -1, -1 0 0 0."""
    found = difference(TRIALS, "raw", "svam")
    assert found is not None
    assert found.middle_ratio == pytest.approx(-3 / 8)
    half = 1.96 * math.sqrt((3 - 9 / 8) / 7) / math.sqrt(8)
    assert (found.low_ratio, found.high_ratio) == pytest.approx((-3 / 8 - half, -3 / 8 + half))
    back = difference(TRIALS, "svam", "raw")
    assert back is not None
    assert back.middle_ratio == -found.middle_ratio


def test_without_common_scenes_there_is_no_difference() -> None:
    assert difference(TRIALS, "raw", "nobody") is None
    assert difference(TRIALS[:1], "svam", "svam") is None
