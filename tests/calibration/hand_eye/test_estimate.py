"""The camera's place out of sightings whose truth is known; what "shown" means is in bench/calibration/hand_eye_truth.py."""

from typing import Any

import numpy as np
import pytest

from calibration.geometry.transforms import angle_deg
from calibration.hand_eye.estimate import estimate
from calibration.hand_eye.held_out import hold_out
from calibration.hand_eye.model import Guess
from interfaces.errors import RefusedError

SERVO_RAD = np.radians([0.0, 0.4, -0.35, 0.3, 0.0])  # the first and the last could not be told
SPREAD_RAD = np.radians(0.06)


def errors(known: Any, guess: Guess) -> tuple[float, float]:
    """Return millimetres and degrees between the camera found and the true one."""
    true = known.truth.parent_from_camera
    apart_m = np.linalg.norm(guess.parent_from_camera[:3, 3] - true[:3, 3])
    return float(apart_m) * 1e3, angle_deg(guess.parent_from_camera[:3, :3].T @ true[:3, :3])


def test_with_exact_joints_it_is_found_to_hundredths_of_a_millimetre(known: Any) -> None:
    result = estimate(known.model, known.sightings(), known.lens, offset_sigma_rad=0.0)
    place_mm, turn_deg = errors(known, result.refined.guess)
    assert (place_mm < 0.05, turn_deg < 0.01) == (True, True)
    assert result.rejected == ()
    assert result.refined.chi2_ratio == pytest.approx(1.0, abs=0.2)
    assert place_mm * 1e-3 < 5 * result.refined.position_sigma_m


def test_of_servos_the_offsets_are_found_too_and_holding_them_would_be_worse(known: Any) -> None:
    sightings = known.sightings(24, offset_rad=SERVO_RAD, spread_rad=SPREAD_RAD)
    result = estimate(known.model, sightings, known.lens, offset_sigma_rad=np.radians(0.3))
    place_mm, turn_deg = errors(known, result.refined.guess)
    assert (place_mm < 1.0, turn_deg < 0.2) == (True, True)
    np.testing.assert_allclose(result.refined.guess.offset_rad, SERVO_RAD, atol=np.radians(0.15))
    assert result.refined.free == (1, 2, 3)
    assert np.isnan(result.refined.offset_sigma_rad[[0, 4]]).all()
    assert np.radians(0.03) < result.refined.spread_rad < np.radians(0.12)
    held = estimate(known.model, sightings, known.lens, offset_sigma_rad=0.0)
    assert errors(known, held.refined.guess)[0] > 2 * place_mm
    assert held.refined.chi2_ratio > 4.0


def test_the_first_and_the_last_joint_turn_what_stands_beyond_them(known: Any) -> None:
    offset_rad = np.radians([0.5, 0.0, 0.0, 0.0, -0.5])
    result = estimate(known.model, known.sightings(offset_rad=offset_rad), known.lens, offset_sigma_rad=np.radians(0.3))
    np.testing.assert_allclose(result.refined.guess.offset_rad, 0.0, atol=np.radians(0.05))
    # The camera is found turned by just that joint: in the base by the first, in the hand by the last.
    assert errors(known, result.refined.guess)[1] == pytest.approx(0.5, abs=0.04)


def test_poses_that_do_not_belong_are_left_out(known: Any) -> None:
    sightings = known.sightings(20, offset_rad=SERVO_RAD, spread_rad=SPREAD_RAD)
    rng = np.random.default_rng(5)
    poses_rad = known.poses_rad(30)[20:23]
    slipped = [known.sighting(pose, rng, offset_rad=np.radians([3.0, -2.0, 0, 2.0, 0])) for pose in poses_rad]
    result = estimate(known.model, [*slipped, *sightings], known.lens, offset_sigma_rad=np.radians(0.3))
    assert result.rejected[:3] == (0, 1, 2)
    assert len(result.rejected) <= 4
    assert errors(known, result.refined.guess)[0] < 1.2


def test_too_few_poses_and_poses_that_do_not_turn_are_refused(known: Any) -> None:
    with pytest.raises(RefusedError, match="3 poses"):
        estimate(known.model, known.sightings(3), known.lens, offset_sigma_rad=0.0)


def test_held_out_poses_are_foretold_as_well_as_joints_allow(known: Any) -> None:
    exact = known.sightings(15)
    result = estimate(known.model, exact, known.lens, offset_sigma_rad=0.0)
    _, distance_mm, turn_deg = hold_out(known.model, exact, known.lens, result, offset_sigma_rad=0.0).summary
    assert (distance_mm < 0.1, turn_deg < 0.06) == (True, True)
    loose = known.sightings(15, spread_rad=np.radians(0.15))
    result = estimate(known.model, loose, known.lens, offset_sigma_rad=np.radians(0.3))
    sigma_rad = np.radians(0.3)
    _, distance_mm, turn_deg = hold_out(known.model, loose, known.lens, result, offset_sigma_rad=sigma_rad).summary
    assert 0.3 < distance_mm < 2.5  # 0.15 degree at a quarter of a metre, five times
    assert 0.1 < turn_deg < 0.6
