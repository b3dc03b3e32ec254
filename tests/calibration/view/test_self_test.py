"""A view is good only if the check works on it: the self-test finds out."""

from collections.abc import Callable

import numpy as np
import pytest

from calibration.view import self_test as module
from calibration.view.reference import make_reference
from calibration.view.self_test import noise_of, otherwise_lit, seen_from, self_test
from interfaces.calibration_config import CalibrationConfig
from interfaces.messages import Frame
from runtime.policy.view.moved_view import Picture
from runtime.policy.view.pinhole import Pinhole
from runtime.policy.view.table_plane import TablePlane

Table = Callable[..., Picture]
LIMITS = CalibrationConfig(folder="c", require=(), max_age_days=30.0, offsets="record", view="check")


def test_a_view_full_of_landmarks_passes(
    table: Table, plane: TablePlane, pinhole: Pinhole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "N_TRIALS", 4)
    reference = make_reference([table()], plane, pinhole, by_depth=True)
    tried = self_test(reference, pinhole, LIMITS, noise=1.5)
    assert (tried.missed, tried.false, tried.trials) == (0, 0, 4)
    assert all(check.passed for check in tried.checks(LIMITS))


def test_a_bare_table_fails(table: Table, plane: TablePlane, pinhole: Pinhole, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "N_TRIALS", 2)
    reference = make_reference([table(patches=0)], plane, pinhole, by_depth=True)
    tried = self_test(reference, pinhole, LIMITS, noise=1.5)
    assert (tried.missed, tried.false) == (2, 2)
    assert not any(check.passed for check in tried.checks(LIMITS))


def test_a_synthetic_view_is_where_geometry_puts_it(table: Table, plane: TablePlane, pinhole: Pinhole) -> None:
    reference = make_reference([table()], plane, pinhole, by_depth=True)
    then_from_now = np.eye(4)
    then_from_now[0, 3] = 10 * plane.distance_m / pinhole.matrix[0, 0]  # ten pixels to the right
    moved = seen_from(reference, then_from_now, pinhole)
    before, after = reference.picture.rgb.astype(int)[20:-20, 30:-10], moved.rgb.astype(int)[20:-20, 20:-20]
    assert np.abs(before - after).mean() < 1.0
    assert moved.depth_mm is not None
    assert abs(int(moved.depth_mm[100, 100]) - 500) <= 1


def test_what_stands_above_the_table_shows_its_parallax(plane: TablePlane, pinhole: Pinhole, table: Table) -> None:
    picture = table(patches=0)
    assert picture.depth_mm is not None
    picture.rgb[80:120, 140:180], picture.depth_mm[80:120, 140:180] = (200, 30, 30), 250  # a box, half way up
    reference = make_reference([picture], plane, pinhole, by_depth=True)
    then_from_now = np.eye(4)
    then_from_now[0, 3] = 5 * plane.distance_m / pinhole.matrix[0, 0]
    red = seen_from(reference, then_from_now, pinhole).rgb[100, :, 1] < 80
    assert red[136:166].all()  # it went ten pixels to the left, where the table goes five
    assert not red[175:].any()


def test_noise_is_measured_and_light_changes(table: Table) -> None:
    frames = tuple(
        Frame(camera="c", number=k, t_capture_ns=k, t_arrival_ns=k, rgb=table(seed=k).rgb, depth_mm=None)
        for k in range(8)
    )
    assert noise_of(frames) == pytest.approx(1.0, abs=0.25)
    assert noise_of(frames[:1]) == 2.0
    lit = otherwise_lit(table(), 0.0, np.random.default_rng(0))
    assert not np.array_equal(lit.rgb, table().rgb)
