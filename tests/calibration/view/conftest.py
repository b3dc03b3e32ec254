"""A table seen from straight above, with patches on it that stay and an arm that does not."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from interfaces.device_facts import CameraIntrinsics
from runtime.policy.view.moved_view import Picture
from runtime.policy.view.pinhole import Pinhole
from runtime.policy.view.table_plane import TablePlane

DISTANCE_M = 0.5
LENS = CameraIntrinsics(
    width_px=320, height_px=200, focal_x_px=260.0, focal_y_px=260.0, centre_x_px=159.5, centre_y_px=99.5
)


@pytest.fixture(scope="session")
def pinhole() -> Pinhole:
    """The camera's pinhole."""
    return Pinhole(LENS)


@pytest.fixture(scope="session")
def plane() -> TablePlane:
    """The table, straight ahead."""
    return TablePlane(normal=np.array([0.0, 0.0, -1.0]), distance_m=DISTANCE_M)


@pytest.fixture(scope="session")
def table() -> Callable[..., Picture]:
    """Makes a picture of the table: with an arm at a column (None: without), patches or none on the table, and noise."""

    def make(arm_at: int | None = None, *, patches: int = 250, seed: int = 0) -> Picture:
        rng = np.random.default_rng(1)
        rgb = np.full((200, 320, 3), 140, np.uint8)
        for _ in range(patches):
            row, column, height, width = rng.integers((0, 0, 4, 4), (200, 320, 14, 18))
            rgb[row : row + height, column : column + width] = rng.integers(30, 240, 3)
        rgb = np.asarray(cv2.GaussianBlur(rgb, (0, 0), 0.7), np.uint8)
        depth_mm = np.full((200, 320), round(DISTANCE_M * 1e3), np.uint16)
        if arm_at is not None:
            arm = np.s_[0:120, arm_at : arm_at + 40]
            rgb[arm], depth_mm[arm] = (230, 180, 20), 350
            rgb[20:100:10, arm_at + 5 : arm_at + 35 : 6] = 0  # screws: an arm has features, too
        noise = 1.0 * np.random.default_rng(seed).standard_normal(rgb.shape)
        return Picture(rgb=np.clip(np.rint(rgb + noise), 0, 255).astype(np.uint8), depth_mm=depth_mm)

    return make
