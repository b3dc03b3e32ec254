"""Which joints changed: what grew by a factor and by more than it wanders, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration.servo.comparison import changes
from interfaces.calibration.motion import ServoJoint

JOINT = ServoJoint(
    name="elbow",
    friction_ratio=0.1,
    backlash_rad=0.004,
    following_error_rad=0.03,
    speed_tried_rad_s=2.0,
    velocity_suggested_rad_s=3.0,
    acceleration_suggested_rad_s2=40.0,
)


@pytest.mark.parametrize(
    ("key", "value", "word"),
    [
        ("friction_ratio", 0.17, "friction"),
        ("backlash_rad", 0.0085, "backlash"),
        ("following_error_rad", 0.05, "following error"),
        ("velocity_suggested_rad_s", 2.0, "follows up to"),
    ],
)
def test_what_grew_is_said(key: str, value: float, word: str) -> None:
    (change,) = changes(JOINT, replace(JOINT, **{key: value}))
    assert change.startswith(word)


@pytest.mark.parametrize(
    ("key", "value"),
    [("friction_ratio", 0.14), ("friction_ratio", 0.02), ("backlash_rad", 0.0065), ("following_error_rad", 0.04)],
)
def test_what_wanders_or_got_better_is_not(key: str, value: float) -> None:
    assert changes(JOINT, replace(JOINT, **{key: value})) == []


def test_errors_at_different_speeds_are_not_compared() -> None:
    assert changes(JOINT, replace(JOINT, following_error_rad=0.09, speed_tried_rad_s=3.0)) == []


def test_a_small_number_that_doubles_is_no_change() -> None:
    small = replace(JOINT, friction_ratio=0.01, backlash_rad=0.0005)
    assert changes(small, replace(small, friction_ratio=0.025, backlash_rad=0.002)) == []


def test_noise_rings_no_alarm_and_wear_does() -> None:
    rng = np.random.default_rng(0)

    def measured(friction: float, backlash: float) -> ServoJoint:
        return replace(
            JOINT,
            friction_ratio=friction + float(rng.normal(0, 0.008)),  # twice what the simulated arm shows
            backlash_rad=max(0.0, backlash + float(rng.normal(0, 0.0004))),
        )

    alarms = sum(bool(changes(measured(0.1, 0.004), measured(0.1, 0.004))) for _ in range(400))
    noticed = sum(len(changes(measured(0.1, 0.004), measured(0.19, 0.011))) == 2 for _ in range(400))
    assert alarms <= 4
    assert noticed >= 380
