"""Values become verdicts at the right side of their limits, and what is no number is never good."""

from __future__ import annotations

import math

import pytest

from bench.doctor.check import Verdict, at_least, at_most, unreadable

GOOD, WEAK, BAD = Verdict.GOOD, Verdict.WEAK, Verdict.BAD


@pytest.mark.parametrize(
    ("value", "verdict"),
    [(-1.0, GOOD), (1.0, GOOD), (1.001, WEAK), (2.0, WEAK), (2.001, BAD), (math.inf, BAD), (math.nan, BAD)],
)
def test_what_should_be_small(value: float, verdict: Verdict) -> None:
    assert at_most(value, 1.0, 2.0) is verdict


@pytest.mark.parametrize(
    ("value", "verdict"), [(3.0, GOOD), (2.0, GOOD), (1.999, WEAK), (1.0, WEAK), (0.5, BAD), (math.nan, BAD)]
)
def test_what_should_be_large(value: float, verdict: Verdict) -> None:
    assert at_least(value, 2.0, 1.0) is verdict


def test_what_cannot_be_read_is_neither_good_nor_bad() -> None:
    check = unreadable("temperature", "85 degC at most")
    assert check.verdict is Verdict.UNKNOWN
    assert check.value == "not readable here"
    assert not check.figures
