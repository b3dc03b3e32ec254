"""The pose of a board from its corners: against poses that corners were projected from."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.board.board import BoardCorners, BoardSpec, charuco
from calibration.board.pose import pose_of_board, project
from calibration.geometry.transforms import Transform, angle_deg, inverse, rotation_about, transform
from interfaces.device_facts import CameraIntrinsics
from interfaces.errors import DeviceError

LENS = CameraIntrinsics(
    width_px=1280,
    height_px=720,
    focal_x_px=912.3,
    focal_y_px=911.0,
    centre_x_px=641.0,
    centre_y_px=358.0,
    distortion=(0.08, -0.2, 0.0005, -0.0003, 0.0),
)
POINTS_M = np.asarray(charuco(BoardSpec()).getChessboardCorners(), np.float64)


def _corners(camera_from_board: Transform, noise_px: float, rng: np.random.Generator) -> BoardCorners:
    pixels = project(camera_from_board, POINTS_M, LENS) + rng.normal(0.0, noise_px, (len(POINTS_M), 2))
    return BoardCorners(ids=np.arange(len(POINTS_M), dtype=np.int32), pixels=pixels, points_m=POINTS_M)


def test_without_noise_the_pose_is_exact() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        pose = transform(rotation_about(rng.normal(0.0, 0.4, 3)), np.array([-0.12, -0.08, rng.uniform(0.3, 0.9)]))
        found = pose_of_board(_corners(pose, 0.0, rng), LENS)
        error = inverse(pose) @ found.camera_from_board
        assert np.linalg.norm(error[:3, 3]) < 1e-6
        assert angle_deg(error[:3, :3]) < 1e-4
        assert found.rms_px < 1e-4


def test_with_noise_the_right_one_of_both_poses_is_taken() -> None:
    rng = np.random.default_rng(2)
    for tilt_deg in (10.0, 20.0, 35.0):
        pose = transform(rotation_about(np.radians([tilt_deg, 0.0, 0.0])), np.array([-0.12, -0.08, 0.5]))
        found = pose_of_board(_corners(pose, 0.1, rng), LENS)
        assert angle_deg((inverse(pose) @ found.camera_from_board)[:3, :3]) < 0.3
        assert found.rms_px == pytest.approx(0.1 * np.sqrt(2), rel=0.25)
        assert found.other_rms_ratio > 5


def test_a_far_board_seen_straight_on_says_that_its_tilt_is_doubtful() -> None:
    rng = np.random.default_rng(3)
    pose = transform(rotation_about(np.radians([2.0, 0.0, 0.0])), np.array([-0.12, -0.08, 5.0]))
    assert pose_of_board(_corners(pose, 0.1, rng), LENS).other_rms_ratio < 1.2


def test_corners_on_one_line_fit_no_pose() -> None:
    corners = _corners(transform(np.eye(3), np.array([-0.12, -0.08, 0.5])), 0.0, np.random.default_rng(4))
    line = BoardCorners(ids=corners.ids[:8], pixels=corners.pixels[:8], points_m=corners.points_m[:8])
    with pytest.raises(DeviceError, match="8 corners of the board fit no pose"):
        pose_of_board(line, LENS)
