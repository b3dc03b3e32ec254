"""Friction from samples whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration.servo.friction import find_friction
from calibration.servo.motions import speed_possible
from tests.calibration.servo.sticky_samples import motion


def test_dry_friction_and_gravity_are_told_apart_and_orders_do_not_disturb() -> None:
    friction = find_friction([motion(v) for v in (0.3, 0.6, 0.9)])
    assert friction.dry_ratio.value == pytest.approx(0.1, abs=0.01)
    assert friction.per_speed_ratio == pytest.approx(0.08, abs=0.02)
    assert friction.slow_ratio.value == pytest.approx(0.1 + 0.08 * 0.6, abs=0.006)
    assert friction.gravity_ratio == pytest.approx(0.2, abs=0.02)


def test_friction_needs_an_even_speed() -> None:
    with pytest.raises(ValueError, match="no room"):
        find_friction([motion(speed_possible(0.17, 15.0))])


def test_a_computer_that_is_late_is_blamed_for_it() -> None:
    even = motion(0.6)
    late_s = np.cumsum(np.where(np.arange(len(even.t_command_s)) % 8 == 0, 0.01, 0.0))
    late = replace(even, t_command_s=even.t_command_s + late_s, t_s=even.t_s + np.repeat(late_s, 2))
    with pytest.raises(ValueError, match="orders late"):
        find_friction([late])
