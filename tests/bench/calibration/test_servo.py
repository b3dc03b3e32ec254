"""Friction and play of a simulated joint, through the real driver."""

from __future__ import annotations

import pytest

from bench.calibration.servo import measure
from sim.truth import Truth

JOINT = 4
FRICTION_NM, PLAY_RAD = 0.2, 0.01


def test_friction_and_play_are_found() -> None:
    truth = Truth(
        friction_nm=tuple(FRICTION_NM if k == JOINT else 0.0 for k in range(6)),
        backlash_rad=tuple(PLAY_RAD if k == JOINT else 0.0 for k in range(6)),
        command_delay_ms=10.0,
    )
    measured = measure(JOINT, truth, seed=1)
    joint = measured.found.record()
    assert joint.name == "wrist_roll"
    assert joint.friction_ratio == pytest.approx(measured.friction_ratio, abs=0.05)
    assert joint.backlash_rad == pytest.approx(PLAY_RAD, abs=0.0015)
    assert 0.5 < joint.velocity_suggested_rad_s <= 4.0
