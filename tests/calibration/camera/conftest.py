"""A board shown well to a lens that is known: corners projected, with noise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from calibration.board.board import BoardCorners, BoardSpec, charuco
from calibration.board.pose import project
from calibration.geometry.transforms import rotation_about, transform
from interfaces.device_facts import CameraIntrinsics

SPEC = BoardSpec()
POINTS_M = np.asarray(charuco(SPEC).getChessboardCorners(), np.float64)
LEANS = ((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0), (0.0, 0.0))

Shown = Callable[[CameraIntrinsics, int, float, np.random.Generator], list[BoardCorners]]


def _one(lens: CameraIntrinsics, k: int, noise_px: float, rng: np.random.Generator) -> BoardCorners:
    lean = rotation_about(np.radians(rng.uniform(18.0, 38.0)) * np.array([*LEANS[k % 5], 0.0]))
    turn = lean @ rotation_about(np.array([0.0, 0.0, rng.uniform(-0.4, 0.4)]))
    ahead_m = lens.focal_x_px / lens.width_px * rng.uniform(0.36, 0.6)
    aside = rng.uniform(-0.45, 0.45, 2) * [1.0, lens.height_px / lens.width_px]
    middle_m = np.array([*aside * ahead_m * lens.width_px / lens.focal_x_px, ahead_m])
    pose = transform(turn, middle_m - turn @ np.array([*SPEC.size_m, 0.0]) / 2)
    pixels = project(pose, POINTS_M, lens) + rng.normal(0.0, noise_px, (len(POINTS_M), 2))
    inside = ((pixels > 5) & (pixels < [lens.width_px - 6, lens.height_px - 6])).all(axis=1)
    ids = np.flatnonzero(inside).astype(np.int32)
    return BoardCorners(ids=ids, pixels=pixels[inside], points_m=POINTS_M[inside])


def _shown(lens: CameraIntrinsics, n_views: int, noise_px: float, rng: np.random.Generator) -> list[BoardCorners]:
    views: list[BoardCorners] = []
    k = 0
    while len(views) < n_views:
        view = _one(lens, k, noise_px, rng)
        k += 1
        if len(view.ids) >= 14:
            views.append(view)
    return views


@pytest.fixture
def shown() -> Shown:
    """Return views of a lens: how many, noise in px, generator."""
    return _shown
