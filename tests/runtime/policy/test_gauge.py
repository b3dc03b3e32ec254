"""Gauges: counts, rates over the last seconds, percentiles over the last turns."""

import numpy as np

from runtime.policy.gauge import Gauge

S = 1_000_000_000


def test_an_empty_gauge_says_so() -> None:
    assert Gauge().percentiles() is None
    assert Gauge().rate_hz(5 * S) == 0.0


def test_the_rate_is_that_of_the_last_seconds() -> None:
    gauge = Gauge()
    for turn in range(40):
        gauge.add(10 * S + turn * S // 20, 0)
    assert gauge.rate_hz(12 * S - 1) == 20.0
    assert gauge.rate_hz(13 * S - S // 20) == 10.0
    assert gauge.rate_hz(60 * S) == 0.0


def test_percentiles_are_those_of_the_turns_still_held() -> None:
    gauge = Gauge(capacity=100)
    for duration_ms in range(1000):
        gauge.add(0, duration_ms * 1_000_000)
    held_ms = np.arange(900, 1000)
    assert gauge.count == 1000
    assert gauge.percentiles() == (np.percentile(held_ms, 50), round(float(np.percentile(held_ms, 99)), 3))
