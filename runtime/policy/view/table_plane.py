"""The table in a depth picture: the plane that most of it lies on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interfaces.messages import DepthMm
from runtime.policy.view.pinhole import Array, Pinhole

_STRIDE_PX = 3  # every third column and row says enough
_TRIALS = 100
_NEAR_RATIO = 0.006  # of the distance: what lies within is on the plane; a depth camera's noise, a mat's thickness
_SHARE_MIN = 0.25  # of what has depth at all
_POINTS_MIN = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePlane:
    """A plane in the camera's frame: points p with normal . p = -distance."""

    normal: Array  # unit (3,), towards the camera
    distance_m: float  # of the camera from it

    def points_on(self, rays: Array) -> Array:
        """Return where rays (k, 3) from the camera meet the plane (k, 3); NaN where they do not."""
        along = -self.distance_m / (rays @ self.normal)
        return np.where(along > 0, along, np.nan)[:, None] * rays

    def height_m(self, points_m: Array) -> Array:
        """Return how high above the plane points (k, 3) lie."""
        return points_m @ self.normal + self.distance_m


def plane_from_depth(
    depth_mm: DepthMm, pinhole: Pinhole, seed: int = 0, mask: NDArray[np.bool_] | None = None
) -> TablePlane | None:
    """Return the plane with most of a depth picture (row, column) on it, by RANSAC; None where none has a quarter.

    `mask`, of the picture's shape, tells where to look.
    """
    points_m = _points(depth_mm, pinhole, mask)
    if len(points_m) < _POINTS_MIN:
        return None
    rng = np.random.default_rng(seed)
    corners = points_m[rng.integers(len(points_m), size=(_TRIALS, 3))]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    normals, corners = normals[lengths > 1e-9] / lengths[lengths > 1e-9, None], corners[lengths > 1e-9]
    if len(normals) == 0:
        return None
    offsets = (normals * corners[:, 0]).sum(axis=1)
    sample = points_m[:: max(1, len(points_m) // 2000)]
    near = np.abs(sample @ normals.T - offsets) < _NEAR_RATIO * sample[:, 2:]
    best = int(near.sum(axis=0).argmax())
    if near[:, best].mean() < _SHARE_MIN:
        return None
    return _refined(points_m, normals[best], float(offsets[best]))


def _points(depth_mm: DepthMm, pinhole: Pinhole, mask: NDArray[np.bool_] | None) -> Array:
    thinned = depth_mm[::_STRIDE_PX, ::_STRIDE_PX]
    known = thinned > 0
    if mask is not None:
        known &= mask[::_STRIDE_PX, ::_STRIDE_PX]
    rows, columns = np.nonzero(known)
    rays = pinhole.rays(np.column_stack([columns, rows]).astype(np.float64) * _STRIDE_PX)
    return rays * (thinned[rows, columns] * 1e-3)[:, None]


def _refined(points_m: Array, normal: Array, offset: float) -> TablePlane:
    """Return the least-squares plane of what lies on the plane found."""
    for _ in range(3):
        on = points_m[np.abs(points_m @ normal - offset) < _NEAR_RATIO * points_m[:, 2]]
        middle = on.mean(axis=0)
        normal = np.linalg.eigh((on - middle).T @ (on - middle))[1][:, 0]
        offset = float(normal @ middle)
    sign = -1.0 if offset > 0 else 1.0  # towards the camera, which is the origin
    return TablePlane(normal=sign * normal, distance_m=abs(offset))
