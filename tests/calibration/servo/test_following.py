"""How a joint follows quicker and quicker motions."""

from __future__ import annotations

import pytest

from calibration.servo.following import Rung, best_of, rung_of
from tests.calibration.servo.sticky_samples import LAG_S, motion


def test_the_lag_is_allowed_for_in_what_a_rung_leaves() -> None:
    rung = rung_of(motion(1.5, 30.0), LAG_S, 0.0)
    assert rung.error_rad == pytest.approx(1.5 * LAG_S, abs=0.006)
    assert rung.beside_lag_rad < 0.003


def test_the_best_rung_is_the_last_before_the_first_that_is_not_good() -> None:
    rungs = [
        Rung(velocity_rad_s=v, acceleration_rad_s2=10.0, error_rad=0.05, beside_lag_rad=0.01, effort_ratio=effort)
        for v, effort in ((1.0, 0.2), (2.0, 0.5), (3.0, 0.8), (4.0, 0.3))
    ]
    assert best_of(rungs, 0.9) is rungs[1]
    assert best_of(rungs[2:], 0.9) is None
