"""The camera as the view check computes with it: a pinhole; the lens's distortion is taken out of pictures first."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from interfaces.device_facts import CameraIntrinsics
from interfaces.messages import Rgb

Array = NDArray[np.float64]
Maps = tuple[NDArray[np.float32], NDArray[np.float32]]


class Pinhole:
    """Projects points, and turns pictures of the real lens into pictures of a pinhole with the same focal length."""

    def __init__(self, intrinsics: CameraIntrinsics) -> None:
        self.intrinsics = intrinsics
        self.size_px = intrinsics.width_px, intrinsics.height_px
        self.matrix = camera_matrix(intrinsics)
        self._maps: Maps | None = None
        if any(intrinsics.distortion):
            maps = cv2.initUndistortRectifyMap(
                self.matrix, np.array(intrinsics.distortion), np.eye(3), self.matrix, self.size_px, cv2.CV_32FC1
            )
            self._maps = np.asarray(maps[0], np.float32), np.asarray(maps[1], np.float32)

    def straighten(self, rgb: Rgb) -> Rgb:
        """Return the picture (height, width, 3) without distortion."""
        if self._maps is None:
            return rgb
        return np.asarray(cv2.remap(rgb, *self._maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)

    def straighten_labels(self, image: NDArray[np.uint16]) -> NDArray[np.uint16]:
        """Return depth (height, width) without distortion: nearest values, since a mean of two depths is neither."""
        if self._maps is None:
            return image
        return np.asarray(cv2.remap(image, *self._maps, cv2.INTER_NEAREST), np.uint16)

    def grid(self) -> Array:
        """Return every pixel (height * width, 2), row after row."""
        width, height = self.size_px
        rows, columns = np.divmod(np.arange(width * height), width)
        return np.column_stack([columns, rows]).astype(np.float64)

    def project(self, points_m: Array) -> Array:
        """Return pixels (k, 2), column and row, of points (k, 3) in the camera's frame."""
        return points_m[:, :2] / points_m[:, 2:] * self._focal + self._centre

    def rays(self, pixels: Array) -> Array:
        """Return directions (k, 3), z = 1, of pixels (k, 2)."""
        flat = (pixels - self._centre) / self._focal
        return np.column_stack([flat, np.ones(len(flat))])

    def jacobian(self, points_m: Array) -> Array:
        """Return how pixels (k, 2, 6) follow a small motion of the points (k, 3): turned by (3,) rad, then shifted by (3,) m."""
        x, y, z = points_m.T
        fx, fy = self._focal
        zero = np.zeros_like(z)
        by_point = np.stack(
            [np.stack([fx / z, zero, -fx * x / z**2], axis=1), np.stack([zero, fy / z, -fy * y / z**2], axis=1)], axis=1
        )
        turned = np.stack(
            [np.stack([zero, z, -y], axis=1), np.stack([-z, zero, x], axis=1), np.stack([y, -x, zero], axis=1)], axis=1
        )
        return np.concatenate([by_point @ turned, by_point], axis=2)

    @property
    def _focal(self) -> Array:
        return np.array([self.matrix[0, 0], self.matrix[1, 1]])

    @property
    def _centre(self) -> Array:
        return np.array([self.matrix[0, 2], self.matrix[1, 2]])


def camera_matrix(intrinsics: CameraIntrinsics) -> Array:
    """Return the matrix (3, 3) of a pinhole."""
    return np.array([
        [intrinsics.focal_x_px, 0.0, intrinsics.centre_x_px],
        [0.0, intrinsics.focal_y_px, intrinsics.centre_y_px],
        [0.0, 0.0, 1.0],
    ])  # fmt: skip


def moved_by(pose: Array, twist: Array) -> Array:
    """Return a pose (4, 4) after a small motion (6,): turned by its first three, rad, then shifted by its last three, m."""
    step = np.eye(4)
    step[:3, :3] = np.asarray(cv2.Rodrigues(np.ascontiguousarray(twist[:3]))[0], np.float64)
    step[:3, 3] = twist[3:]
    return step @ pose


def transformed(pose: Array, points_m: Array) -> Array:
    """Return points (k, 3) of the child's frame in the parent's."""
    return points_m @ pose[:3, :3].T + pose[:3, 3]


def rotation_angle_deg(rotation: Array) -> float:
    """Return the angle of a rotation matrix (3, 3)."""
    return math.degrees(float(np.linalg.norm(np.asarray(cv2.Rodrigues(rotation)[0], np.float64))))
