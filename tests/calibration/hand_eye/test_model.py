"""Pixels and their slopes, against pixels nearby."""

from typing import Any

import numpy as np

from calibration.hand_eye.sighting import corner_set


def test_slopes_are_those_of_the_pixels(known: Any) -> None:
    corners = corner_set(known.sightings(3), known.lens)
    step = np.random.default_rng(1).normal(size=17) * 0.02
    at = known.model.predict(corners, known.truth, step)
    slopes = np.concatenate([at.by_place, at.by_joint], axis=2)
    for number in range(17):
        nudge = np.zeros(17)
        nudge[number] = 1e-6
        after = known.model.predict(corners, known.truth, step + nudge).pixels
        before = known.model.predict(corners, known.truth, step - nudge).pixels
        np.testing.assert_allclose((after - before) / 2e-6, slopes[:, :, number], rtol=1e-5, atol=1e-3)


def test_corners_are_where_the_truth_says_but_for_their_noise(known: Any) -> None:
    corners = corner_set(known.sightings(5), known.lens)
    off_px = known.model.predict(corners, known.truth, np.zeros(17)).pixels - corners.pixels
    assert 0.04 < np.sqrt((off_px**2).mean()) < 0.08  # also with a lens that bends


def test_a_move_is_the_same_from_wherever_it_starts(known: Any) -> None:
    corners = corner_set(known.sightings(2), known.lens)
    step = np.random.default_rng(2).normal(size=17) * 0.02
    there = known.model.predict(corners, known.truth.moved(step), np.zeros(17)).pixels
    np.testing.assert_allclose(known.model.predict(corners, known.truth, step).pixels, there, atol=1e-9)
