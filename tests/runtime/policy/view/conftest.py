"""A table drawn by hand: a picture lies on the plane z = 0, and a pinhole looks at it from any place."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from interfaces.device_facts import CameraIntrinsics
from interfaces.messages import Frame
from runtime.policy.view.landmarks import Landmarks, find_landmarks
from runtime.policy.view.moved_view import Picture
from runtime.policy.view.pinhole import Array, Pinhole
from runtime.policy.view.table_plane import TablePlane

PX_PER_M = 800.0
HALF_M = 0.6  # the table reaches so far to each side
LENS = CameraIntrinsics(
    width_px=424, height_px=240, focal_x_px=312.0, focal_y_px=312.0, centre_x_px=211.5, centre_y_px=119.5
)


def turned(axis_deg: tuple[float, float, float]) -> Array:
    """Return a rotation (3, 3)."""
    return np.asarray(cv2.Rodrigues(np.radians(axis_deg))[0], np.float64)


def pose(shift_mm: tuple[float, float, float], axis_deg: tuple[float, float, float]) -> Array:
    """Return then_from_now (4, 4)."""
    result = np.eye(4)
    result[:3, :3], result[:3, 3] = turned(axis_deg), np.array(shift_mm) * 1e-3
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnTable:
    """A table with a picture on it, seen by a camera 0.4 m above that looks down at a slant."""

    top: NDArray[np.uint8]  # (row, column, 3)
    pinhole: Pinhole

    @property
    def table_from_then(self) -> Array:
        """Return the designed place of the camera."""
        tilt = turned((180.0 - 35.0, 0.0, 0.0))  # z down, leaning ahead
        result = np.eye(4)
        result[:3, :3], result[:3, 3] = tilt, (0.0, 0.28, 0.40)
        return result

    def plane(self, then_from_now: Array | None = None) -> TablePlane:
        """Return the table in the camera's frame."""
        table_from_now = self.table_from_then @ (np.eye(4) if then_from_now is None else then_from_now)
        now_from_table: Array = np.linalg.inv(table_from_now).astype(np.float64)
        normal = now_from_table[:3, 2]
        return TablePlane(normal=normal, distance_m=float(-normal @ now_from_table[:3, 3]))

    def see(self, then_from_now: Array | None = None, noise: float = 1.5, seed: int = 0) -> Picture:
        """Return colours and depth from a place, four rays a pixel."""
        table_from_now = self.table_from_then @ (np.eye(4) if then_from_now is None else then_from_now)
        width, height = self.pinhole.size_px
        columns, rows = np.meshgrid((np.arange(2 * width) - 0.5) / 2, (np.arange(2 * height) - 0.5) / 2)
        rays = self.pinhole.rays(np.column_stack([columns.ravel(), rows.ravel()])) @ table_from_now[:3, :3].T
        along = np.where(rays[:, 2] < -1e-3, -table_from_now[2, 3] / rays[:, 2], 100.0)
        met = (table_from_now[:3, 3] + along[:, None] * rays)[:, :2]
        texture = ((met + HALF_M) * PX_PER_M).reshape(2 * height, 2 * width, 2).astype(np.float32)
        fine = cv2.remap(self.top, texture, np.empty(0), cv2.INTER_LINEAR, borderValue=(90, 90, 90))
        clean: Array = np.asarray(cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA), np.float64)
        rgb = clean + noise * np.random.default_rng(seed).standard_normal(clean.shape)
        rays_now = self.pinhole.rays(self.pinhole.grid())
        depth_m = self.plane(then_from_now).points_on(rays_now)[:, 2].reshape(height, width)
        depth_mm = np.where(np.isfinite(depth_m) & (depth_m < 3.0), np.rint(depth_m * 1e3), 0).astype(np.uint16)
        return Picture(rgb=np.clip(np.rint(rgb), 0, 255).astype(np.uint8), depth_mm=depth_mm)

    def landmarks(self, *, depth: bool = True) -> Landmarks:
        """Return the landmarks of the designed place."""
        picture = self.see(noise=0.5)
        static = np.ones(picture.rgb.shape[:2], np.bool_)
        depth_mm = picture.depth_mm if depth else None
        return find_landmarks(picture.rgb, depth_mm, self.plane(), self.pinhole, static=static, by_depth=depth)


def _texture(rng: np.random.Generator) -> NDArray[np.uint8]:
    size = round(2 * HALF_M * PX_PER_M)
    top = np.full((size, size, 3), 150, np.uint8)
    for _ in range(1500):
        row, column, half = rng.integers(size), rng.integers(size), rng.integers(3, 16, 2)
        top[row : row + half[0] * 2, column : column + half[1] * 2] = rng.integers(40, 230, 3)
    return top


def _mat() -> NDArray[np.uint8]:
    """Return a plain table with a plain mat: edges, and nothing else."""
    size = round(2 * HALF_M * PX_PER_M)
    top = np.full((size, size, 3), (200, 195, 185), np.uint8)
    outline = (np.array([[-0.21, 0.14], [0.23, 0.16], [0.18, -0.16], [-0.2, -0.15]]) + HALF_M) * PX_PER_M
    cv2.fillConvexPoly(top, np.rint(outline * 16).astype(np.int32), (120, 130, 150), cv2.LINE_AA, 4)
    return top


@pytest.fixture(scope="session")
def pinhole() -> Pinhole:
    """The camera's pinhole."""
    return Pinhole(LENS)


@pytest.fixture(scope="session")
def textured(pinhole: Pinhole) -> DrawnTable:
    """A table full of things to recognise."""
    return DrawnTable(top=_texture(np.random.default_rng(3)), pinhole=pinhole)


@pytest.fixture(scope="session")
def plain(pinhole: Pinhole) -> DrawnTable:
    """A plain table with a plain mat."""
    return DrawnTable(top=_mat(), pinhole=pinhole)


@pytest.fixture(scope="session")
def pushed() -> Callable[..., Array]:
    """Makes then_from_now (4, 4) of a shift in mm and an axis times degrees."""
    return pose


@pytest.fixture(scope="session")
def as_frame() -> Callable[..., Frame]:
    """Makes a frame of a picture."""

    def make(picture: Picture, t_ns: int = 0) -> Frame:
        return Frame(
            camera="front", number=1, t_capture_ns=t_ns, t_arrival_ns=t_ns, rgb=picture.rgb, depth_mm=picture.depth_mm
        )

    return make
