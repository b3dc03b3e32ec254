"""How far a camera moved since its view was recorded, from pictures alone; or that this cannot be told. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from interfaces.messages import DepthMm, Frame, Rgb
from runtime.policy.view.edges import gradient_of
from runtime.policy.view.features import find_features, matches
from runtime.policy.view.landmarks import Landmarks
from runtime.policy.view.pinhole import Array, Pinhole, rotation_angle_deg, transformed
from runtime.policy.view.pose_fit import Fit, Sight, fit_pose
from runtime.policy.view.rough_search import rough_poses
from runtime.policy.view.table_plane import plane_from_depth

POINTS_MIN = 12  # fewer points in place prove nothing
EDGES_MIN = 40
EDGE_SHARE_MIN = 0.45  # of the landmark edges: with fewer in place it may be another place
_RANSAC_PX = 3.0
_TURN_MAX_DEG = 60.0  # nobody bumps a camera so far; what fits there is another thing, or mirrored
# However many landmarks there are, their places, and the lens, are known only so well.
_FLOOR_MM, _FLOOR_DEG = 0.25, 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewMotion:
    """How the camera moved."""

    now_from_then: Array  # (4, 4) the camera's frame now from its frame then
    translation_mm: float
    rotation_deg: float
    translation_sigma_mm: float  # of the worst known direction
    rotation_sigma_deg: float
    n_points: int  # landmarks found again where they should be
    n_edges: int
    cannot_tell: str = ""  # why nothing of this is to be believed; empty where it is

    @property
    def at_most(self) -> tuple[float, float]:
        """Return mm and degrees that the camera moved at most, with a certainty of 97.5 %."""
        return (
            self.translation_mm + 2.0 * self.translation_sigma_mm,
            self.rotation_deg + 2.0 * self.rotation_sigma_deg,
        )

    @property
    def words(self) -> str:
        """Return it for people."""
        if self.cannot_tell:
            return f"cannot tell: {self.cannot_tell}"
        return (
            f"{self.translation_mm:.1f} mm (± {2 * self.translation_sigma_mm:.1f}) and"
            f" {self.rotation_deg:.2f}° (± {2 * self.rotation_sigma_deg:.2f})"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture without distortion, made of several frames of a camera that stands: less noise."""

    rgb: Rgb
    depth_mm: DepthMm | None  # pixel on pixel with rgb


def one_picture(frames: Sequence[Frame], pinhole: Pinhole, *, aligned: bool) -> Picture:
    """Return the median of frames; depth only where it is `aligned` with colour."""
    rgb = pinhole.straighten(np.median([frame.rgb for frame in frames], axis=0).astype(np.uint8))
    depths = [frame.depth_mm for frame in frames if frame.depth_mm is not None and aligned]
    if not depths or depths[0].shape != rgb.shape[:2]:
        return Picture(rgb=rgb, depth_mm=None)
    return Picture(rgb=rgb, depth_mm=pinhole.straighten_labels(np.median(depths, axis=0).astype(np.uint16)))


def how_moved(picture: Picture, landmarks: Landmarks, pinhole: Pinhole) -> ViewMotion:
    """Return how the camera moved from where the landmarks were seen to where the picture was taken."""
    gradient = gradient_of(picture.rgb)
    features = find_features(picture.rgb)
    pairs = matches(landmarks.descriptors, features.descriptors)
    start, inliers = _by_points(landmarks.point_m[pairs[:, 0]], features.pixels[pairs[:, 1]], pinhole)
    pairs = pairs[inliers]
    plane = None
    if landmarks.by_depth and picture.depth_mm is not None:
        plane = plane_from_depth(picture.depth_mm, pinhole)
    sight = Sight(gradient=gradient, point_index=pairs[:, 0], point_px=features.pixels[pairs[:, 1]], plane=plane)
    if start is not None:
        return _told(fit_pose(start, landmarks, sight, pinhole, rough=False))
    if len(landmarks.edge_m) < EDGES_MIN:
        return nothing_known(f"{len(pairs)} of {len(landmarks.point_px)} landmarks are seen again")
    tries = [np.eye(4), *rough_poses(landmarks, gradient, pinhole)]
    fits = [fit_pose(pose, landmarks, sight, pinhole, rough=True) for pose in tries]
    return _told(max(fits, key=lambda fit: fit.n_edges))


def nothing_known(why: str) -> ViewMotion:
    """Return that it cannot be told."""
    unknown = float("nan")
    return ViewMotion(
        now_from_then=np.eye(4), translation_mm=unknown, rotation_deg=unknown, translation_sigma_mm=unknown,
        rotation_sigma_deg=unknown, n_points=0, n_edges=0, cannot_tell=why,
    )  # fmt: skip


def _by_points(points_m: Array, pixels: Array, pinhole: Pinhole) -> tuple[Array | None, NDArray[np.intp]]:
    """Return the pose (4, 4) that most points agree on and which do; None, and none, where too few do."""
    none = np.empty(0, np.intp)
    if len(points_m) < POINTS_MIN:
        return None, none
    solved: Any = cv2.solvePnPRansac(
        points_m, pixels, pinhole.matrix, np.zeros(5),
        iterationsCount=300, reprojectionError=_RANSAC_PX, confidence=0.999, flags=cv2.SOLVEPNP_SQPNP,
    )  # fmt: skip
    found, rotation, translation, inliers = solved  # inliers are None where there are none, whatever OpenCV's types say
    chosen = np.asarray(inliers, np.intp).ravel() if found and inliers is not None else none
    if len(chosen) < POINTS_MIN:
        return None, none
    pose = np.eye(4)
    pose[:3, :3] = np.asarray(cv2.Rodrigues(rotation)[0], np.float64)
    pose[:3, 3] = np.ravel(translation)
    if transformed(pose, points_m[chosen])[:, 2].min() <= 0:  # behind the camera: a mirrored picture
        return None, none
    return pose, chosen


def _told(fit: Fit) -> ViewMotion:
    pose = fit.now_from_then
    shift_m = -pose[:3, :3].T @ pose[:3, 3]  # where the camera is now, in its frame then
    return ViewMotion(
        now_from_then=pose,
        translation_mm=float(np.linalg.norm(shift_m)) * 1e3,
        rotation_deg=rotation_angle_deg(pose[:3, :3]),
        translation_sigma_mm=float(np.hypot(_FLOOR_MM, 1e3 * _worst_sigma(fit.covariance[3:, 3:]))),
        rotation_sigma_deg=float(np.hypot(_FLOOR_DEG, np.degrees(_worst_sigma(fit.covariance[:3, :3])))),
        n_points=fit.n_points,
        n_edges=fit.n_edges,
        cannot_tell=_doubt(fit),
    )


def _worst_sigma(covariance: Array) -> float:
    return float(np.sqrt(np.linalg.eigvalsh(covariance)[-1]))


def _doubt(fit: Fit) -> str:
    turn_deg = rotation_angle_deg(fit.now_from_then[:3, :3])
    if turn_deg > _TURN_MAX_DEG:
        return f"what is seen would be the old view turned by {turn_deg:.0f} degrees"
    if fit.n_points >= POINTS_MIN or (fit.n_edges >= EDGES_MIN and fit.edges_ratio >= EDGE_SHARE_MIN):
        return ""
    return (
        f"{fit.n_points} landmarks and {fit.edges_ratio:.0%} of the edges are where one camera place would show them;"
        " something covers the camera, it shows another place, or too much was moved"
    )
