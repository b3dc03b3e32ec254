"""What moved between the pictures is no landmark; what lies behind it becomes one."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from calibration.view.reference import make_reference, merge
from runtime.policy.view.moved_view import Picture
from runtime.policy.view.pinhole import Pinhole
from runtime.policy.view.table_plane import TablePlane

Table = Callable[..., Picture]


def test_no_landmark_is_on_the_arm_and_the_table_behind_it_is_used(
    table: Table, plane: TablePlane, pinhole: Pinhole
) -> None:
    pictures = [table(arm_at, seed=arm_at) for arm_at in (140, 30, 250)]
    reference = make_reference(pictures, plane, pinhole, by_depth=True)
    empty = table(None)
    assert np.abs(reference.picture.rgb.astype(int) - empty.rgb).mean() < 2.5
    assert reference.static.mean() > 0.6
    behind = (reference.landmarks.edge_px[:, 0] > 145) & (reference.landmarks.edge_px[:, 0] < 175)
    assert (behind & (reference.landmarks.edge_px[:, 1] < 100)).sum() > 10
    assert np.allclose(reference.landmarks.point_m[:, 2], plane.distance_m, atol=0.003)


def test_without_depth_only_what_all_pictures_agree_on_is_used(
    table: Table, plane: TablePlane, pinhole: Pinhole
) -> None:
    pictures = [replace(table(arm_at, seed=arm_at), depth_mm=None) for arm_at in (140, 30, 250)]
    reference = make_reference(pictures, plane, pinhole, by_depth=False)
    for arm_at in (140, 30, 250):
        assert not reference.static[5:115, arm_at + 3 : arm_at + 37].any()
    assert reference.static[150:].mean() > 0.9
    assert len(reference.landmarks.point_px) > 20


def test_an_arm_that_stood_still_is_told_by_its_height(table: Table, plane: TablePlane, pinhole: Pinhole) -> None:
    reference = make_reference([table(140)], plane, pinhole, by_depth=True)
    assert not reference.static[5:115, 145:175].any()
    assert reference.static[150:].all()
    assert merge([table(140)]).depth_mm is not None
