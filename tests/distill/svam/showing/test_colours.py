"""Colours: of what changes, the same each time, and not a matter of an eigenvector's sign."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from distill.svam.showing.colours import fit_colours, fit_depth_colours


def features(sign: float = 1.0) -> NDArray[Any]:
    """Features (60, 4, 6): what stays differs ten times as much between places as what moves, along axis 2, differs in time."""
    draw = np.random.default_rng(0)
    staying = 10.0 * draw.normal(size=(4, 1)) * np.eye(6)[0]
    moving = draw.normal(size=(60, 4, 1)) * np.eye(6)[2] + 0.3 * draw.normal(size=(60, 4, 1)) * np.eye(6)[4]
    return sign * (staying + moving + 0.01 * draw.normal(size=(60, 4, 6)))


def test_the_first_directions_are_those_of_what_changes() -> None:
    directions = fit_colours(features()).directions
    np.testing.assert_allclose(directions[:, 0], np.eye(6)[2], atol=0.05)
    np.testing.assert_allclose(directions[:, 1], np.eye(6)[4], atol=0.05)


def test_a_sign_never_turns() -> None:
    one, other = fit_colours(features()), fit_colours(features(-1.0))
    np.testing.assert_allclose(one.directions, other.directions, atol=1e-9)


def test_one_feature_has_one_colour_whatever_it_is_shown_with() -> None:
    colours, seen = fit_colours(features()), features()
    together, alone = colours(seen), colours(seen[7])
    assert together.shape == (60, 2, 2, 3)
    np.testing.assert_array_equal(together[7], alone)
    assert together[..., 0].min() == 0
    assert together[..., 0].max() == 255
    redder = colours(seen[7] + 0.5 * np.eye(6)[2]).astype(int)
    assert (redder[..., 0] >= alone[..., 0]).all()
    assert redder[..., 0].sum() > int(alone[..., 0].sum())


def test_near_is_brighter_than_far_and_no_depth_does_not_count() -> None:
    depth_mm = np.concatenate([np.zeros(500), np.linspace(300, 700, 500)]).astype(np.uint16)
    colours = fit_depth_colours(depth_mm)
    assert colours.near_mm == pytest.approx(308, abs=3)
    assert colours.far_mm == pytest.approx(692, abs=3)
    light = colours(np.array([[100.0, 350.0, 450.0, 600.0, 900.0]])).astype(int).sum(-1)[0]
    assert list(light) == sorted(light, reverse=True)
    assert len(set(light)) == 5
