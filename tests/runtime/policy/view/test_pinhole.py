"""The camera's own arithmetic."""

from dataclasses import replace

import numpy as np
import pytest

from runtime.policy.view.pinhole import Pinhole, moved_by, rotation_angle_deg, transformed

POINTS_M = np.array([[0.1, -0.05, 0.5], [-0.2, 0.1, 0.7], [0.0, 0.0, 0.4]])


def test_rays_and_pixels_are_each_others_inverse(pinhole: Pinhole) -> None:
    pixels = pinhole.project(POINTS_M)
    assert np.allclose(pinhole.rays(pixels) * POINTS_M[:, 2:], POINTS_M)
    assert pinhole.grid()[425].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("axis", range(6))
def test_the_jacobian_is_what_a_small_motion_does(pinhole: Pinhole, axis: int) -> None:
    step = np.zeros(6)
    step[axis] = 1e-6
    moved = pinhole.project(transformed(moved_by(np.eye(4), step), POINTS_M))
    slope = (moved - pinhole.project(POINTS_M)) / 1e-6
    assert np.allclose(pinhole.jacobian(POINTS_M)[:, :, axis], slope, atol=1e-2)


def test_a_turn_is_measured_in_degrees() -> None:
    turn = moved_by(np.eye(4), np.array([0.0, np.radians(7.0), 0.0, 0.0, 0.0, 0.0]))
    assert rotation_angle_deg(turn[:3, :3]) == pytest.approx(7.0)


def test_a_straight_picture_stays_as_it_is_and_a_bent_one_is_straightened(pinhole: Pinhole) -> None:
    rgb = np.zeros((240, 424, 3), np.uint8)
    rgb[:, 40] = 255
    assert pinhole.straighten(rgb) is rgb
    bent = Pinhole(replace(pinhole.intrinsics, distortion=(-0.3, 0.1, 0.0, 0.0, 0.0)))
    straight = bent.straighten(rgb)
    columns = [int(straight[row, :80, 0].argmax()) for row in (5, 120, 235)]
    assert columns[1] > columns[0]  # what such a lens shows straight is bent in truth
    assert columns[1] > columns[2]
    assert bent.straighten_labels(np.full((240, 424), 700, np.uint16))[120, 200] == 700
