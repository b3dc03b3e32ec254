"""One signal after another: lags to a fraction of a sample, with noise, outliers, play, and honest intervals."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.latency.chirp import chirp_rad
from calibration.signals.lag_fit import Array, Signal, fit_lag, residual_over_lags, smoothed, turns

RANGE_S = (-0.3, 0.3)


def pair(
    seed: int, *, lag_s: float, noise: float = 0.02, outliers: float = 0.0, play: float = 0.0, seconds: float = 10.0
) -> tuple[Signal, Signal]:
    """Return a chirp of size 1 at 200 Hz, and what is seen of it 30 times a second."""
    rng = np.random.default_rng(seed)
    way = chirp_rad(1.0, seconds, 1000.0)
    t_s = np.arange(len(way)) / 1000
    behind: Array = way - play / 2 * turns(way, play) if play else way
    t_seen_s = np.arange(0.3, seconds, 1 / 30) + rng.uniform(0, 1 / 30)
    seen = 40 + 7 * np.interp(t_seen_s, t_s, behind) + 2 * np.interp(t_seen_s, t_s, behind) ** 2
    seen += rng.normal(0, 7 * noise, len(seen))
    wild = rng.random(len(seen)) < outliers
    seen[wild] += rng.uniform(-20, 20, int(wild.sum()))
    kept = rng.random(len(seen)) > 0.03  # frames are lost
    return Signal(t_s=t_s[::5], value=way[::5]), Signal(t_s=t_seen_s[kept] + lag_s, value=seen[kept])


@pytest.mark.parametrize("lag_s", [-0.08, 0.0, 0.0123, 0.08])
def test_a_lag_is_found_to_a_fraction_of_a_frame(lag_s: float) -> None:
    earlier, later = pair(1, lag_s=lag_s)
    fit = fit_lag(earlier, later, lag_range_s=RANGE_S, degree=2)
    assert fit.lag_s.value == pytest.approx(lag_s, abs=0.001)
    assert 0.0 < fit.lag_s.half_width < 0.002
    assert fit.size_ratio == pytest.approx(7.0, abs=0.1)
    assert fit.unexplained_ratio < 0.05


def test_wild_frames_are_left_out() -> None:
    earlier, later = pair(2, lag_s=0.04, outliers=0.05)
    fit = fit_lag(earlier, later, lag_range_s=RANGE_S, degree=2)
    assert fit.lag_s.value == pytest.approx(0.04, abs=0.001)
    assert 5 <= fit.n_outliers <= 25


def test_play_is_not_taken_for_a_delay() -> None:
    earlier, later = pair(3, lag_s=0.03, play=0.15)
    fit = fit_lag(earlier, later, lag_range_s=RANGE_S, degree=2)
    assert fit.lag_s.value == pytest.approx(
        0.03, abs=0.004
    )  # play is 150 mrad of a motion of 1 rad: 30 ms where it is quickest
    assert fit.play.value == pytest.approx(0.15, abs=0.03)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    inside = 0
    for seed in range(30):
        fit = fit_lag(*pair(seed, lag_s=0.02, noise=0.1, seconds=12.0), lag_range_s=RANGE_S)
        inside += abs(fit.lag_s.value - 0.02) <= fit.lag_s.half_width
    assert inside >= 26  # fewer has a chance of 2 % where the interval is true


def test_what_has_nothing_to_do_with_it_stays_unexplained() -> None:
    earlier, later = pair(4, lag_s=0.0)
    noise = np.random.default_rng(0).normal(0, 1, len(later.t_s))
    fit = fit_lag(earlier, Signal(t_s=later.t_s, value=noise), lag_range_s=RANGE_S)
    assert fit.unexplained_ratio > 0.8
    left = residual_over_lags(earlier, Signal(t_s=later.t_s, value=noise), np.arange(-0.2, 0.2, 0.01))
    assert left.min() > 0.8


def test_too_little_motion_is_refused() -> None:
    earlier, later = pair(5, lag_s=0.0, seconds=2.0)
    with pytest.raises(ValueError, match="too little"):
        fit_lag(earlier, later, lag_range_s=RANGE_S)


def test_smoothing_shifts_nothing() -> None:
    t_s = np.sort(np.random.default_rng(1).uniform(0, 3, 600))
    line = smoothed(Signal(t_s=t_s, value=2 * t_s + np.round(t_s % 0.01, 2) * 0))
    assert np.abs(line.value - 2 * line.t_s).max() < 1e-9


def test_turns_change_over_the_width_of_the_play() -> None:
    way = np.concatenate([np.linspace(0, 1, 101), np.linspace(1, 0, 101)])
    turned = turns(way, 0.2)
    assert turned[100] == pytest.approx(1.0)
    assert turned[101 + 10] == pytest.approx(0.0, abs=0.11)
    assert turned[-1] == pytest.approx(-1.0)
