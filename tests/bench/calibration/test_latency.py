"""Delays of the simulated robot, through the real driver and rendered pictures."""

from __future__ import annotations

import pytest

from bench.calibration.latency import TARGET_MS, one_trial, table_of


@pytest.mark.parametrize("seed", [3, pytest.param(5, marks=pytest.mark.slow)])
def test_delays_are_within_two_milliseconds_and_their_intervals(seed: int) -> None:
    trial = one_trial(seed, seconds=7.0)
    assert trial is not None
    assert trial.passed
    assert abs(trial.command_error_ms) < min(TARGET_MS, trial.command_width_ms)
    assert abs(trial.frame_error_ms) < min(TARGET_MS, trial.frame_width_ms)
    assert table_of([trial, None]).row_count == 3
