"""Ways to and fro keep what a pace says."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.servo.motions import Pace, speed_possible, to_and_fro
from tests.calibration.servo.sticky_samples import PERIOD_S


def test_a_way_to_and_fro_keeps_its_pace() -> None:
    pace = Pace(velocity_rad_s=2.0, acceleration_rad_s2=30.0, jerk_rad_s3=2000.0)
    way = to_and_fro(0.17, pace, PERIOD_S)
    assert way[[0, len(way) // 2, -1]] == pytest.approx([-0.17, 0.17, -0.17], abs=1e-9)
    assert np.abs(np.diff(way)).max() / PERIOD_S == pytest.approx(2.0, rel=0.05)
    assert np.abs(np.diff(way, 2)).max() / PERIOD_S**2 <= 30.0 * 1.05
    assert np.abs(np.diff(way, 3)).max() / PERIOD_S**3 <= 2000.0 * 1.05


def test_where_there_is_no_room_it_goes_slower() -> None:
    pace = Pace(velocity_rad_s=4.0, acceleration_rad_s2=5.0, jerk_rad_s3=2000.0)
    way = to_and_fro(0.1, pace, PERIOD_S)
    assert np.abs(np.diff(way)).max() / PERIOD_S <= speed_possible(0.1, 5.0) * 1.05
