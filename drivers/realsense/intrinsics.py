"""What librealsense says of a lens, as OpenCV's model of it: Brown's distortion with k1 k2 p1 p2 k3.

librealsense has several models. All zeros, as D415 and D435 have them for colour, mean the same in each: none. "Brown Conrady" is
OpenCV's. "Inverse Brown Conrady", which D405 and D455 name, is by its name a model of the way back, and by librealsense's own
code the way there with the tangential part put upon the radial one; its maintainers have not settled which was measured (their
pull request 13833). So nothing is concluded from names: librealsense itself projects rays all over the picture, and OpenCV's
coefficients, in which a distorted point is linear, are fitted to where they arrive. Where OpenCV's model cannot follow within
FIT_MAX_PX (fisheyes), there are no intrinsics.
"""

from __future__ import annotations

import logging

import numpy as np
import pyrealsense2 as rs
from numpy.typing import NDArray

from interfaces.device_facts import CameraIntrinsics

FIT_MAX_PX = 0.1
GRID = 15  # rays in each direction
_log = logging.getLogger(__name__)


def opencv_intrinsics(lens: rs.intrinsics) -> CameraIntrinsics | None:
    """Return a stream's lens by OpenCV's model; None where that model cannot describe it, or nothing is known of it."""
    if lens.fx <= 0 or lens.fy <= 0:
        return None
    distortion = _fitted(lens) if any(lens.coeffs) else (0.0,) * 5
    if distortion is None:
        return None
    return CameraIntrinsics(
        width_px=lens.width,
        height_px=lens.height,
        focal_x_px=lens.fx,
        focal_y_px=lens.fy,
        centre_x_px=lens.ppx,
        centre_y_px=lens.ppy,
        distortion=distortion,
    )


def _fitted(lens: rs.intrinsics) -> tuple[float, ...] | None:
    """Return k1 k2 p1 p2 k3 by which OpenCV projects as librealsense does."""
    rays = _rays(lens)
    focal_px, centre_px = np.array([lens.fx, lens.fy]), np.array([lens.ppx, lens.ppy])
    pixels = np.array([rs.rs2_project_point_to_pixel(lens, [x, y, 1.0]) for x, y in rays.tolist()])
    moved = (pixels - centre_px) / focal_px - rays
    basis = _basis(rays)
    solution = np.linalg.lstsq(basis, moved.reshape(-1), rcond=None)[0]
    errors_px = (basis @ solution - moved.reshape(-1)).reshape(-1, 2) * focal_px
    worst_px = float(np.abs(errors_px).max())
    if not worst_px <= FIT_MAX_PX:
        _log.warning("a lens of model %s is not OpenCV's: off by up to %.2f px, not used", lens.model, worst_px)
        return None
    return tuple(solution.tolist())


def _rays(lens: rs.intrinsics) -> NDArray[np.float64]:
    """Return rays, (ray, 2) at depth 1, that arrive all over the picture."""
    columns, rows = np.linspace(0, lens.width - 1, GRID), np.linspace(0, lens.height - 1, GRID)
    return np.stack(np.meshgrid((columns - lens.ppx) / lens.fx, (rows - lens.ppy) / lens.fy), axis=-1).reshape(-1, 2)


def _basis(rays: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each coefficient moves the rays, (2 * ray, 5), x and y in turn."""
    x, y = rays.T
    r2 = x * x + y * y
    along_x = np.stack([x * r2, x * r2**2, 2 * x * y, r2 + 2 * x * x, x * r2**3], axis=-1)
    along_y = np.stack([y * r2, y * r2**2, r2 + 2 * y * y, 2 * x * y, y * r2**3], axis=-1)
    return np.stack([along_x, along_y], axis=1).reshape(-1, 5)
