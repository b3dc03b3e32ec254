"""Rigid transforms as 4x4 matrices, `parent_from_child`, and their forms in records: translation and unit quaternion."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from interfaces.calibration.record import Pose

Array = NDArray[np.float64]
Transform = NDArray[np.float64]  # (4, 4)


def transform(rotation: Array, translation_m: Array) -> Transform:
    """Return a transform from a rotation matrix (3, 3) and a translation (3,)."""
    result = np.eye(4)
    result[:3, :3], result[:3, 3] = rotation, np.ravel(translation_m)
    return result


def inverse(parent_from_child: Transform) -> Transform:
    """Return child_from_parent."""
    rotation = parent_from_child[:3, :3].T
    return transform(rotation, -rotation @ parent_from_child[:3, 3])


def inverses(poses: Array) -> Array:
    """Return the inverses of transforms (pose, 4, 4)."""
    result = np.zeros_like(poses)
    result[:, :3, :3] = np.swapaxes(poses[:, :3, :3], 1, 2)
    result[:, :3, 3] = -np.einsum("pij,pj->pi", result[:, :3, :3], poses[:, :3, 3])
    result[:, 3, 3] = 1.0
    return result


def rotation_about(axis_angle_rad: Array) -> Array:
    """Return the rotation matrix (3, 3) of an axis times an angle (3,)."""
    angle = float(np.linalg.norm(axis_angle_rad))
    if angle < 1e-12:
        return np.eye(3) + cross_matrix(axis_angle_rad)
    unit = cross_matrix(axis_angle_rad / angle)
    return np.eye(3) + math.sin(angle) * unit + (1.0 - math.cos(angle)) * (unit @ unit)


def cross_matrix(vector: Array) -> Array:
    """Return the matrix (3, 3) that multiplies as the cross product with `vector` (3,) does."""
    x, y, z = vector
    return np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])


def rotation_of(quaternion_wxyz: tuple[float, ...]) -> Array:
    """Return the rotation matrix (3, 3) of a unit quaternion."""
    w, x, y, z = np.array(quaternion_wxyz) / math.hypot(*quaternion_wxyz)
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip


def quaternion_of(rotation: Array) -> tuple[float, ...]:
    """Return the unit quaternion (w, x, y, z), w at least 0, of a rotation matrix (3, 3)."""
    # The eigenvector of Bar-Itzhack's matrix, which no rotation makes singular.
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = rotation.tolist()
    symmetric = np.array([
        [xx - yy - zz, yx + xy, zx + xz, zy - yz],
        [yx + xy, yy - xx - zz, zy + yz, xz - zx],
        [zx + xz, zy + yz, zz - xx - yy, yx - xy],
        [zy - yz, xz - zx, yx - xy, xx + yy + zz],
    ])  # fmt: skip
    x, y, z, w = np.linalg.eigh(symmetric)[1][:, -1].tolist()
    sign = math.copysign(1.0, w)
    return sign * w, sign * x, sign * y, sign * z


def angle_deg(rotation: Array) -> float:
    """Return the angle of a rotation matrix (3, 3), 0 to 180."""
    skew = np.array([
        rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]
    ])  # fmt: skip
    return math.degrees(math.atan2(float(np.linalg.norm(skew)), float(np.trace(rotation)) - 1.0))


def to_pose(parent_from_child: Transform) -> Pose:
    """Return a transform as records keep it."""
    x, y, z = parent_from_child[:3, 3].tolist()
    return Pose(translation_m=(x, y, z), rotation_wxyz=quaternion_of(parent_from_child[:3, :3]))


def from_pose(pose: Pose) -> Transform:
    """Return the transform (4, 4) of a record's pose."""
    return transform(rotation_of(pose.rotation_wxyz), np.array(pose.translation_m))
