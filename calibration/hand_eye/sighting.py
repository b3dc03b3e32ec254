"""What hand-eye calibration is made from: the board as it was seen while the arm stood in a pose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from calibration.board.board import BoardCorners
from calibration.board.pose import camera_matrix, distortion_of, pose_of_board
from calibration.geometry.transforms import Array, Transform
from interfaces.device_facts import CameraIntrinsics
from interfaces.messages import JointVector

# "eye_to_hand": the camera stands beside the arm, the board is in the hand; "eye_in_hand": the other way round.
Mounting = Literal["eye_to_hand", "eye_in_hand"]

AMBIGUOUS_RATIO = 1.5  # the other pose that a plane may have fits so little worse that noise could turn it round
_UNDISTORT = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 50, 1e-10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One pose of the arm."""

    position_rad: JointVector  # (joint,) measured
    corners: BoardCorners  # in pixels as the camera gives them
    camera_from_board: Transform  # (4, 4) by this picture alone
    pose_rms_px: float  # how well that pose explains the corners
    ambiguous: bool  # the board's tilt may be the other way round: its own pose is not to be believed


@dataclass(frozen=True, slots=True, kw_only=True)
class CornerSet:
    """The corners of many sightings as arrays, lens distortion taken out."""

    pose: np.ndarray[tuple[int], np.dtype[np.intp]]  # (corner,) index of the sighting
    points_m: Array  # (corner, 3) in the board's frame
    pixels: Array  # (corner, 2) of a pinhole without distortion, from its centre
    focal_px: Array  # (2,)
    positions_rad: Array  # (pose, joint)

    @property
    def n_poses(self) -> int:
        """Return the number of sightings."""
        return len(self.positions_rad)


def corner_set(sightings: Sequence[Sighting], intrinsics: CameraIntrinsics) -> CornerSet:
    """Return all corners of the sightings."""
    n_corners = [len(sighting.corners.ids) for sighting in sightings]
    focal_px = np.array([intrinsics.focal_x_px, intrinsics.focal_y_px])
    seen_px = np.concatenate([sighting.corners.pixels for sighting in sightings])
    flat = cv2.undistortPointsIter(
        seen_px[:, None], camera_matrix(intrinsics), distortion_of(intrinsics), np.eye(3), np.eye(3), _UNDISTORT
    )
    return CornerSet(
        pose=np.repeat(np.arange(len(sightings)), n_corners),
        points_m=np.concatenate([sighting.corners.points_m for sighting in sightings]),
        pixels=np.asarray(flat, np.float64).reshape(-1, 2) * focal_px,
        focal_px=focal_px,
        positions_rad=np.stack([sighting.position_rad for sighting in sightings]),
    )


def sighting_of(corners: BoardCorners, position_rad: JointVector, intrinsics: CameraIntrinsics) -> Sighting:
    """Return what was seen in one pose; raises DeviceError where the corners fit no pose of a board."""
    pose = pose_of_board(corners, intrinsics)
    return Sighting(
        position_rad=position_rad,
        corners=corners,
        camera_from_board=pose.camera_from_board,
        pose_rms_px=pose.rms_px,
        ambiguous=pose.other_rms_ratio < AMBIGUOUS_RATIO,
    )
