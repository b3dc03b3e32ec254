"""The lens, from views of a board: how well a given one explains them, and which one explains them best.

Estimated are both focal lengths, the centre, k1 k2 and p1 p2. k3 is held at 0: up to 70 degrees of view it only trades with k1
and k2 in the picture's corners. Both focal lengths are free, although pixels are square: a printer that stretches the paper
along its feed shows up as two that differ, where one that is forced would hide it in the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.board.board import FEWEST_CORNERS, BoardCorners
from calibration.board.pose import camera_matrix, distortion_of, pose_of_board
from interfaces.device_facts import CameraIntrinsics
from interfaces.errors import DeviceError

HELD_OUT_EVERY = 4
STRAY_RATIO = 5.0  # a corner so many times farther off than the median one is no corner of this board
STRAY_MIN_PX = 0.3
GUESSED_FOCAL_RATIO = 0.9  # of the width, a field of view of 58 degrees: where nobody knows anything

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class LensFit:
    """How well a lens explains views, each view's pose being free."""

    rms_px: float
    pixels: Array  # (corner, 2) of all views, where corners were seen
    residuals_px: Array  # (corner, 2) seen minus projected
    view_rms_px: Array  # (view,)


@dataclass(frozen=True, slots=True, kw_only=True)
class LensEstimate:
    """The lens that explains views best, and how far each number of it may be off: one sigma, for the noise that was left."""

    intrinsics: CameraIntrinsics
    focal_sigma_px: tuple[float, float]
    centre_sigma_px: tuple[float, float]
    distortion_sigma: tuple[float, ...]
    rms_px: float  # on the views it was estimated from


def guess(width_px: int, height_px: int) -> CameraIntrinsics:
    """Return a lens to begin with, for a camera that says nothing of its own."""
    focal_px = GUESSED_FOCAL_RATIO * width_px
    return CameraIntrinsics(
        width_px=width_px,
        height_px=height_px,
        focal_x_px=focal_px,
        focal_y_px=focal_px,
        centre_x_px=(width_px - 1) / 2,
        centre_y_px=(height_px - 1) / 2,
    )


def held_out(views: Sequence[BoardCorners]) -> tuple[list[BoardCorners], list[BoardCorners]]:
    """Return the views to estimate from, and every fourth: those to judge by."""
    used = [view for k, view in enumerate(views) if k % HELD_OUT_EVERY != HELD_OUT_EVERY - 1]
    return used, list(views[HELD_OUT_EVERY - 1 :: HELD_OUT_EVERY])


def fit_of(views: Sequence[BoardCorners], intrinsics: CameraIntrinsics) -> LensFit:
    """Return how well a lens, held as it is, explains views."""
    residuals = [pose_of_board(view, intrinsics).residuals_px for view in views]
    joined = np.concatenate(residuals)
    return LensFit(
        rms_px=_rms(joined),
        pixels=np.concatenate([view.pixels for view in views]),
        residuals_px=joined,
        view_rms_px=np.array([_rms(part) for part in residuals]),
    )


def estimate_lens(views: Sequence[BoardCorners], start: CameraIntrinsics) -> LensEstimate:
    """Return the best lens; raises DeviceError where the views do not tell one."""
    flags = cv2.CALIB_USE_INTRINSIC_GUESS | cv2.CALIB_FIX_K3
    begin = replace(start, distortion=(*start.distortion[:4], 0.0))
    try:
        rms_px, matrix, distortion, _, _, sigma, _, _ = cv2.calibrateCameraExtended(
            [view.points_m.astype(np.float32)[:, None] for view in views],
            [view.pixels.astype(np.float32)[:, None] for view in views],
            (start.width_px, start.height_px),
            camera_matrix(begin),
            distortion_of(begin),
            flags=flags,
            criteria=(cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 200, 1e-10),
        )
    except cv2.error as error:
        raise DeviceError(f"no lens explains the {len(views)} views of the board: {error.err}") from error
    focal_x, focal_y, centre_x, centre_y, *lens_sigma = np.ravel(sigma).tolist()
    k1, k2, p1, p2, k3 = np.ravel(distortion).tolist()[:5]
    intrinsics = CameraIntrinsics(
        width_px=start.width_px,
        height_px=start.height_px,
        focal_x_px=float(matrix[0, 0]),
        focal_y_px=float(matrix[1, 1]),
        centre_x_px=float(matrix[0, 2]),
        centre_y_px=float(matrix[1, 2]),
        distortion=(k1, k2, p1, p2, k3),
    )
    return LensEstimate(
        intrinsics=intrinsics,
        focal_sigma_px=(focal_x, focal_y),
        centre_sigma_px=(centre_x, centre_y),
        distortion_sigma=tuple(lens_sigma[:5]),
        rms_px=float(rms_px),
    )


def focal_by_halves(views: Sequence[BoardCorners], start: CameraIntrinsics) -> float:
    """Return by what ratio the focal lengths differ that either half of the views gives by itself.

    A sigma is worth nothing where views are such that several lenses explain them (a board never leaned): this shows it.
    """
    one, other = (estimate_lens(views[k::2], start).intrinsics for k in (0, 1))
    return max(abs(one.focal_x_px / other.focal_x_px - 1.0), abs(one.focal_y_px / other.focal_y_px - 1.0))


def without_strays(views: Sequence[BoardCorners], intrinsics: CameraIntrinsics) -> list[BoardCorners]:
    """Return the views without corners that no lens near this one explains, and without views of which too few are left."""
    fits = [np.linalg.norm(pose_of_board(view, intrinsics).residuals_px, axis=1) for view in views]
    limit_px = max(STRAY_MIN_PX, STRAY_RATIO * float(np.median(np.concatenate(fits))))
    cleaned = (_without_strays(view, intrinsics, limit_px) for view in views)
    return [view for view in cleaned if view is not None]


def _without_strays(view: BoardCorners, intrinsics: CameraIntrinsics, limit_px: float) -> BoardCorners | None:
    fewest = max(FEWEST_CORNERS, len(view.ids) * 2 // 3)
    while len(view.ids) >= fewest:
        distances_px = np.linalg.norm(pose_of_board(view, intrinsics).residuals_px, axis=1)
        worst = int(distances_px.argmax())
        if distances_px[worst] < limit_px:
            return view
        # One at a time: a stray one pulls the pose, and others seem off that are not.
        good = np.arange(len(view.ids)) != worst
        view = BoardCorners(ids=view.ids[good], pixels=view.pixels[good], points_m=view.points_m[good])
    return None


def _rms(residuals_px: Array) -> float:
    return float(np.sqrt((residuals_px**2).sum(axis=1).mean()))
