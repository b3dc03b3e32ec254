"""Where a board stands before a camera, from one picture of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.board.board import BoardCorners
from calibration.geometry.transforms import Transform, angle_deg, transform
from interfaces.device_facts import CameraIntrinsics
from interfaces.errors import DeviceError

Array = NDArray[np.float64]

SAME_DEG = 1.0  # poses of a plane that are turned less against each other are one pose


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardPose:
    """A pose of a board, and how well it explains the corners."""

    camera_from_board: Transform  # (4, 4), OpenCV's camera frame: z ahead, y down
    rms_px: float  # of the distances between corners seen and corners projected
    residuals_px: Array  # (corner, 2) seen minus projected
    # A plane seen with little perspective fits nearly as well turned the other way about its axis: how well that other pose fits.
    # Near 1 the two cannot be told apart, and the tilt is not to be believed; infinite where there is no other pose.
    other_rms_ratio: float


def camera_matrix(intrinsics: CameraIntrinsics) -> Array:
    """Return the pinhole (3, 3)."""
    return np.array([
        [intrinsics.focal_x_px, 0.0, intrinsics.centre_x_px],
        [0.0, intrinsics.focal_y_px, intrinsics.centre_y_px],
        [0.0, 0.0, 1.0],
    ])  # fmt: skip


def distortion_of(intrinsics: CameraIntrinsics) -> Array:
    """Return the coefficients (5,) in OpenCV's order, which is ours."""
    return np.array(intrinsics.distortion)


def project(camera_from_points: Transform, points_m: Array, intrinsics: CameraIntrinsics) -> Array:
    """Return the pixels (point, 2) of points (point, 3) given in a frame that stands in the camera's."""
    turn = cv2.Rodrigues(camera_from_points[:3, :3])[0]
    pixels = cv2.projectPoints(
        points_m, turn, camera_from_points[:3, 3], camera_matrix(intrinsics), distortion_of(intrinsics)
    )[0]
    return np.asarray(pixels, np.float64).reshape(-1, 2)


def pose_of_board(corners: BoardCorners, intrinsics: CameraIntrinsics) -> BoardPose:
    """Return the pose with the smallest reprojection error; raises DeviceError where the corners fit no pose, as on one line.

    Both poses that a plane can have (IPPE; Collins and Bartoli, "Infinitesimal plane-based pose estimation", 2014) are refined
    (Levenberg-Marquardt) before they are compared.
    """
    poses = sorted(
        (_judged(pose, corners, intrinsics) for pose in _refined(corners, intrinsics)), key=lambda p: p.rms_px
    )
    if not poses:
        raise DeviceError(f"{len(corners.ids)} corners of the board fit no pose; show more of it")
    best = poses[0]
    # Of a board seen from the front, both come out as the same.
    others = [pose for pose in poses[1:] if _apart_deg(pose, best) > SAME_DEG]
    ratio = others[0].rms_px / max(best.rms_px, 1e-9) if others else np.inf
    return BoardPose(
        camera_from_board=best.camera_from_board,
        rms_px=best.rms_px,
        residuals_px=best.residuals_px,
        other_rms_ratio=float(ratio),
    )


def _refined(corners: BoardCorners, intrinsics: CameraIntrinsics) -> list[Transform]:
    matrix, distortion = camera_matrix(intrinsics), distortion_of(intrinsics)
    try:
        found: Any = cv2.solvePnPGeneric(corners.points_m, corners.pixels, matrix, distortion, flags=cv2.SOLVEPNP_IPPE)
    except cv2.error:  # corners on one line span no plane
        return []
    poses: list[Transform] = []
    for first_turn, first_shift in zip(found[1], found[2], strict=True):
        turn, shift = cv2.solvePnPRefineLM(
            corners.points_m, corners.pixels, matrix, distortion, first_turn, first_shift
        )
        pose = transform(np.asarray(cv2.Rodrigues(turn)[0], np.float64), np.asarray(shift, np.float64))
        if np.isfinite(pose).all() and _in_front(pose, corners.points_m):
            poses.append(pose)
    return poses


def _apart_deg(one: BoardPose, other: BoardPose) -> float:
    return angle_deg(one.camera_from_board[:3, :3].T @ other.camera_from_board[:3, :3])


def _in_front(pose: Transform, points_m: Array) -> bool:
    return bool(((points_m @ pose[:3, :3].T + pose[:3, 3])[:, 2] > 0).all())


def _judged(pose: Transform, corners: BoardCorners, intrinsics: CameraIntrinsics) -> BoardPose:
    residuals = corners.pixels - project(pose, corners.points_m, intrinsics)
    rms = float(np.sqrt((residuals**2).sum(axis=1).mean()))
    return BoardPose(camera_from_board=pose, rms_px=rms, residuals_px=residuals, other_rms_ratio=np.inf)
