"""Frames of a camera that was moved, as if it stood where it was: what lies on the table comes to lie where it lay.

H = K (R - t n'/d) K^-1 takes pixels of the old place to pixels of the new one, for points of the plane n . p = -d (Hartley and
Zisserman, Multiple View Geometry, 13.1). Turning is undone exactly, but for what has left the picture; shifting is undone on the
plane, and what stands h above it at distance D is off by about shift * h / (D - h).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from interfaces.messages import DepthMm, Frame, Rgb
from runtime.policy.view.pinhole import Array, Pinhole
from runtime.policy.view.table_plane import TablePlane


class ViewCorrection:
    """Warps the frames of one camera; the maps are made once."""

    def __init__(self, now_from_then: Array, plane: TablePlane, pinhole: Pinhole) -> None:
        """Take the camera's motion (4, 4), the table as it was seen then, and the lens."""
        width, height = pinhole.size_px
        rays = ideal_rays(pinhole.grid(), pinhole) @ on_plane(now_from_then, plane).T
        ahead = rays[:, 2] > 1e-6
        rays = np.where(ahead[:, None], rays, np.array([1e6, 1e6, 1.0]))
        rays /= rays[:, 2:]
        maps = _seen_at(rays, pinhole).reshape(height, width, 2).astype(np.float32)
        self._exact, self._nearest = maps, (maps[..., 0], maps[..., 1])
        self._fixed: Any = cv2.convertMaps(maps, np.empty(0), cv2.CV_16SC2)
        # Of a point seen now along a ray at depth z, the depth then is z * scale - offset.
        rotation, shift_m = now_from_then[:3, :3], now_from_then[:3, 3]
        self._depth_scale = (rays @ rotation[:, 2]).reshape(height, width).astype(np.float32)
        self._depth_offset_mm = np.float32(1e3 * float(rotation[:, 2] @ shift_m))

    def corrected(self, frame: Frame) -> Frame:
        """Return the frame as if taken from the old place; depth only where it has the size of the colour picture."""
        depth = frame.depth_mm
        same_size = depth is not None and depth.shape == self._depth_scale.shape
        return replace(
            frame, rgb=self.picture(frame.rgb), depth_mm=self.depth(depth) if same_size and depth is not None else None
        )

    def picture(self, rgb: Rgb) -> Rgb:
        """Return the colours (row, column, 3); beyond what is seen its border goes on."""
        warped = cv2.remap(rgb, self._fixed[0], self._fixed[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(warped, np.uint8)

    def depth(self, depth_mm: DepthMm) -> DepthMm:
        """Return the depth (row, column) in mm; 0, unknown, beyond what is seen."""
        seen: NDArray[Any] = np.asarray(cv2.remap(depth_mm, *self._nearest, cv2.INTER_NEAREST, borderValue=0))
        then = seen * self._depth_scale - self._depth_offset_mm
        return np.where((seen > 0) & (then > 0), np.rint(then), 0).astype(np.uint16)


def on_plane(now_from_then: Array, plane: TablePlane) -> Array:
    """Return the matrix (3, 3) that takes rays then to rays now, for points of the plane."""
    rotation, shift_m = now_from_then[:3, :3], now_from_then[:3, 3]
    return rotation - np.outer(shift_m, plane.normal) / plane.distance_m


def ideal_rays(pixels: Array, pinhole: Pinhole) -> Array:
    """Return rays (k, 3), z = 1, of pixels (k, 2) of the real, distorting lens."""
    if not any(pinhole.intrinsics.distortion):
        return pinhole.rays(pixels)
    distortion = np.array(pinhole.intrinsics.distortion)
    flat = cv2.undistortPoints(pixels[:, None, :], pinhole.matrix, distortion)
    return np.column_stack([np.asarray(flat, np.float64)[:, 0], np.ones(len(pixels))])


def _seen_at(rays: Array, pinhole: Pinhole) -> Array:
    """Return the pixels (k, 2) of the real lens that see along rays (k, 3), z = 1; far outside where none does."""
    distortion = pinhole.intrinsics.distortion
    if not any(distortion):
        return pinhole.project(rays)
    # The lens is known only where it sees: far beyond, its polynomial folds back into the picture.
    width, height = pinhole.size_px
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float64)
    widest = 1.3 * float(np.abs(pinhole.rays(corners)[:, :2]).max())
    near = (np.abs(rays[:, 0]) < widest) & (np.abs(rays[:, 1]) < widest)
    seen, _ = cv2.projectPoints(
        np.where(near[:, None], rays, [0.0, 0.0, 1.0]), np.zeros(3), np.zeros(3), pinhole.matrix, np.array(distortion)
    )
    return np.where(near[:, None], np.asarray(seen, np.float64)[:, 0], pinhole.project(rays))
