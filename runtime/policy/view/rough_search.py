"""Where the view went, roughly: landmark edges laid over the edges of a picture, turned every way a bumped camera may be.

Edges alone tell nothing from one another, so all turns on a grid are tried, each judged by how far its edges lie from edges of
the picture that run the same way (oriented chamfer distance), and the best are left to the fine search.
"""

from __future__ import annotations

import itertools

import cv2
import numpy as np
from numpy.typing import NDArray

from runtime.policy.view.edges import Gradient
from runtime.policy.view.landmarks import Landmarks
from runtime.policy.view.pinhole import Array, Pinhole, moved_by

_DIRECTIONS = 6
_FAR_PX = 12.0  # an edge this far off, or farther, is not the one
_EDGES_MAX = 150
_SHIFT_PX, _SHIFT_STEP_PX = 72, 4
_ROLL_DEG, _ROLL_STEP_DEG = 6.0, 1.0
N_BEST = 4


def rough_poses(landmarks: Landmarks, gradient: Gradient, pinhole: Pinhole) -> list[Array]:
    """Return the most likely poses (4, 4) now_from_then, of a camera that turned where it stood."""
    distances = _distances(gradient)
    chosen = np.linspace(0, len(landmarks.edge_px) - 1, min(_EDGES_MAX, len(landmarks.edge_px))).astype(int)
    pixels, normals = landmarks.edge_px[chosen], landmarks.edge_normals[chosen]
    shifts = np.arange(-_SHIFT_PX, _SHIFT_PX + 1, _SHIFT_STEP_PX)
    scored: list[tuple[float, float, int, int]] = []
    for roll_deg in np.arange(-_ROLL_DEG, _ROLL_DEG + 0.1, _ROLL_STEP_DEG):
        scores = _scores(distances, *_rolled(pixels, normals, float(roll_deg), pinhole), shifts)
        for row, column in itertools.islice(
            zip(*np.unravel_index(np.argsort(scores, axis=None), scores.shape), strict=True), 2
        ):
            scored.append((float(scores[row, column]), float(roll_deg), int(shifts[column]), int(shifts[row])))
    scored.sort()
    return [_pose(roll_deg, right_px, down_px, pinhole) for _, roll_deg, right_px, down_px in scored[:N_BEST]]


def _distances(gradient: Gradient) -> NDArray[np.float32]:
    """Return how far the nearest edge is (direction, row, column), for edges of each direction; at most _FAR_PX."""
    edge = gradient.steepness > gradient.threshold
    direction = _direction(gradient.along_x, gradient.along_y)
    planes = []
    for wanted in range(_DIRECTIONS):
        apart = np.abs(direction - wanted)
        same = edge & (np.minimum(apart, _DIRECTIONS - apart) <= 1)
        planes.append(cv2.distanceTransform((~same).astype(np.uint8), cv2.DIST_L2, 3))
    return np.minimum(np.asarray(planes, np.float32), _FAR_PX)


def _direction(along_x: NDArray[np.float32], along_y: NDArray[np.float32]) -> NDArray[np.int64]:
    angle = np.arctan2(along_y, along_x) % np.pi
    return np.rint(angle / np.pi * _DIRECTIONS).astype(np.int64) % _DIRECTIONS


def _rolled(pixels: Array, normals: Array, roll_deg: float, pinhole: Pinhole) -> tuple[Array, Array]:
    cos, sin = np.cos(np.radians(roll_deg)), np.sin(np.radians(roll_deg))
    turn = np.array([[cos, sin], [-sin, cos]])  # applied to rows
    centre = pinhole.matrix[:2, 2]
    return (pixels - centre) @ turn + centre, normals @ turn


def _scores(distances: NDArray[np.float32], pixels: Array, normals: Array, shifts: NDArray[np.int64]) -> Array:
    """Return the mean distance (down, right) of landmark edges from edges, shifted each way; what leaves the picture counts half."""
    height, width = distances.shape[1:]
    plane = _direction(normals[:, 0].astype(np.float32), normals[:, 1].astype(np.float32))
    columns = np.rint(pixels[:, 0]).astype(int)[:, None] + shifts
    rows = np.rint(pixels[:, 1]).astype(int)[:, None] + shifts
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    found = distances[
        plane[:, None, None], np.clip(rows, 0, height - 1)[:, :, None], np.clip(columns, 0, width - 1)[:, None, :]
    ]
    return np.where(inside, found, _FAR_PX / 2).mean(axis=0)


def _pose(roll_deg: float, right_px: int, down_px: int, pinhole: Pinhole) -> Array:
    fx, fy = pinhole.matrix[0, 0], pinhole.matrix[1, 1]
    turn = np.array([-np.arctan(down_px / fy), np.arctan(right_px / fx), 0.0, 0.0, 0.0, 0.0])
    roll = np.array([0.0, 0.0, np.radians(roll_deg), 0.0, 0.0, 0.0])
    return moved_by(moved_by(np.eye(4), roll), turn)
