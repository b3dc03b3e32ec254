"""Rigid transforms as 4x4 matrices, `parent_from_child`; cameras as OpenCV counts: x right, y down, z ahead."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# MuJoCo's cameras look along -z with y up; OpenCV's along z with y down.
OPENGL_FROM_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])


def rigid(rotation: Array, translation_m: Array) -> Array:
    """Return the transform (4, 4) of a rotation (3, 3) and a translation (3,)."""
    result = np.eye(4)
    result[:3, :3], result[:3, 3] = rotation, np.ravel(translation_m)
    return result


def inverse(parent_from_child: Array) -> Array:
    """Return child_from_parent."""
    rotation = parent_from_child[:3, :3].T
    return rigid(rotation, -rotation @ parent_from_child[:3, 3])


def turned(axis_angle_rad: Array) -> Array:
    """Return the rotation (3, 3) about an axis times an angle (3,)."""
    angle_rad = float(np.linalg.norm(axis_angle_rad))
    if angle_rad == 0.0:
        return np.eye(3)
    x, y, z = axis_angle_rad / angle_rad
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + math.sin(angle_rad) * cross + (1.0 - math.cos(angle_rad)) * (cross @ cross)


def turned_as(quaternion_wxyz: tuple[float, ...]) -> Array:
    """Return the rotation (3, 3) of a quaternion, which need not be of length 1."""
    w, x, y, z = np.array(quaternion_wxyz) / math.hypot(*quaternion_wxyz)
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip


def quaternion_of(rotation: Array) -> tuple[float, ...]:
    """Return the unit quaternion (w, x, y, z) of a rotation (3, 3), by the largest of its four squares."""
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = rotation.tolist()
    squares = (1 + xx + yy + zz, 1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz)
    largest = max(range(4), key=squares.__getitem__)
    products = [  # 4 q_i q_j
        [squares[0], zy - yz, xz - zx, yx - xy],
        [zy - yz, squares[1], xy + yx, xz + zx],
        [xz - zx, xy + yx, squares[2], yz + zy],
        [yx - xy, xz + zx, yz + zy, squares[3]],
    ][largest]
    scale = 0.5 / math.sqrt(squares[largest])
    return tuple(scale * product for product in products)
