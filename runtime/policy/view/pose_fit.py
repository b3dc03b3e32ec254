"""How the camera moved, fitted: landmarks laid over what is seen, by robust least squares over turn and shift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.policy.view.edges import Edgels, Gradient, edge_offsets
from runtime.policy.view.landmarks import Landmarks
from runtime.policy.view.pinhole import Array, Pinhole, moved_by, transformed
from runtime.policy.view.table_plane import TablePlane

_REACH_PX = (14.0, 8.0, 5.0, 4.0, 3.0, 3.0, 2.0, 2.0, 2.0)  # how far off an edge may lie, round by round
_POINT_FLOOR_PX, _EDGE_FLOOR_PX = 0.25, 0.15  # nothing is believed to be seen more exactly
_SIGMA_MAX_PX = 1.0
_TUKEY = 4.0  # sigmas; what lies farther off counts for nothing
_EDGE_CORRELATION = 2.0  # so many neighbours on an edge are wrong together; by trials, errors keep within 2 sigma then
_PLANE_TILT_RAD = 0.0025  # how well a depth camera knows the table, the same as the last time
_PLANE_DISTANCE_RATIO = 0.003
_HOLD = 100.0  # what nothing determines stays: 1 / (0.1 rad, or 0.1 m) squared
_IN_PLACE_PX = 1.5  # an edge this near to where it is expected is the one


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What is seen now: edges, and pixels (k, 2) of the landmark points of these indices (k,), and the table."""

    gradient: Gradient
    point_index: NDArray[np.intp]
    point_px: Array
    plane: TablePlane | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A fitted pose, and how good it is."""

    now_from_then: Array  # (4, 4)
    covariance: Array  # (6, 6) of the small motion on top of it: turn, rad, and shift, m
    n_points: int  # that fit
    n_edges: int
    edges_ratio: float  # of the landmark edges in view that were found where they should be
    rms_px: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """Linear equations of one kind: Jacobian (k, 6), what is left (k,), weights (k,) and the sigma they are in."""

    jacobian: Array
    left: Array
    weight: Array
    sigma: float
    correlation: float = 1.0

    @property
    def information(self) -> Array:
        return self.jacobian.T @ (self.jacobian * self.weight[:, None]) / (self.sigma**2 * self.correlation)

    @property
    def gradient(self) -> Array:
        return self.jacobian.T @ (self.left * self.weight) / (self.sigma**2 * self.correlation)


def fit_pose(start: Array, landmarks: Landmarks, sight: Sight, pinhole: Pinhole, *, rough: bool) -> Fit:
    """Return the pose near `start` (4, 4) that fits best; `rough` says that it may be off by several pixels."""
    pose = start
    rounds = _REACH_PX if rough else _REACH_PX[3:]
    for reach_px in rounds:
        equations = _equations(pose, landmarks, sight, pinhole, reach_px)
        information, gradient = _normal_equations(equations)
        damping = 1e-6 * np.diag(information) + _HOLD
        step: Array = np.linalg.solve(information + np.diag(damping), gradient).astype(np.float64)
        pose = moved_by(pose, step)
    return _judged(pose, landmarks, sight, pinhole)


def _normal_equations(equations: list[_Rows]) -> tuple[Array, Array]:
    information, gradient = np.zeros((6, 6)), np.zeros(6)
    for rows in equations:
        information += rows.information
        gradient += rows.gradient
    return information, gradient


def _equations(pose: Array, landmarks: Landmarks, sight: Sight, pinhole: Pinhole, reach_px: float) -> list[_Rows]:
    equations: list[_Rows] = []
    if len(sight.point_index):
        equations.append(_point_rows(pose, landmarks, sight, pinhole, reach_px))
    if len(landmarks.edge_m):
        equations.append(_edge_rows(pose, landmarks, sight, pinhole, reach_px))
    if sight.plane is not None:
        equations.append(_plane_rows(pose, landmarks.plane, sight.plane))
    return equations


def _point_rows(pose: Array, landmarks: Landmarks, sight: Sight, pinhole: Pinhole, reach_px: float) -> _Rows:
    points_m = transformed(pose, landmarks.point_m[sight.point_index])
    left = sight.point_px - pinhole.project(points_m)
    off = np.linalg.norm(left, axis=1)
    sigma, weight = _weights(off, _POINT_FLOOR_PX, reach_px)
    return _Rows(
        jacobian=pinhole.jacobian(points_m).reshape(-1, 6),
        left=left.ravel(),
        weight=np.repeat(weight, 2),
        sigma=sigma,
    )


def _edge_rows(pose: Array, landmarks: Landmarks, sight: Sight, pinhole: Pinhole, reach_px: float) -> _Rows:
    expected, points_m = expected_edges(pose, landmarks, pinhole)
    left = edge_offsets(sight.gradient, expected, reach_px, nearest=reach_px < 10)
    sigma, weight = _weights(np.abs(left), _EDGE_FLOOR_PX, reach_px)
    return _Rows(
        jacobian=(expected.normals[:, None, :] @ pinhole.jacobian(points_m))[:, 0, :],
        left=np.nan_to_num(left),
        weight=weight,
        sigma=sigma,
        correlation=_EDGE_CORRELATION,
    )


def expected_edges(pose: Array, landmarks: Landmarks, pinhole: Pinhole) -> tuple[Edgels, Array]:
    """Return where landmark edges are expected in the picture, and in space (k, 3), for a pose now_from_then."""
    points_m = transformed(pose, landmarks.edge_m)
    tangents = np.column_stack([-landmarks.edge_normals[:, 1], landmarks.edge_normals[:, 0], np.zeros(len(points_m))])
    beside_m = transformed(pose, landmarks.edge_m + 1e-3 * tangents)
    pixels = pinhole.project(points_m)
    along = pinhole.project(beside_m) - pixels
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    return Edgels(pixels=pixels, normals=np.column_stack([along[:, 1], -along[:, 0]])), points_m


def _plane_rows(pose: Array, then: TablePlane, now: TablePlane) -> _Rows:
    """Return the equations that bring the table's plane as it was onto the plane as it is measured now."""
    normal = pose[:3, :3] @ then.normal
    distance_m = then.distance_m - float(normal @ pose[:3, 3])
    # A small turn w makes the normal n + w x n; a small shift v makes the distance d - n . v.
    x, y, z = normal
    turn = np.array([[0.0, z, -y], [-z, 0.0, x], [y, -x, 0.0]])
    tilt_rows = np.hstack([turn, np.zeros((3, 3))]) / _PLANE_TILT_RAD
    distance_row = np.hstack([np.zeros(3), -normal])[None, :] / (_PLANE_DISTANCE_RATIO * then.distance_m)
    left = np.append(
        (now.normal - normal) / _PLANE_TILT_RAD,
        (now.distance_m - distance_m) / (_PLANE_DISTANCE_RATIO * then.distance_m),
    )
    return _Rows(jacobian=np.vstack([tilt_rows, distance_row]), left=left, weight=np.ones(4), sigma=1.0)


def _weights(off_px: Array, floor_px: float, reach_px: float) -> tuple[float, Array]:
    """Return sigma and Tukey's weights (k,) of what lies so far off; NaN counts for nothing."""
    found = np.isfinite(off_px)
    if not found.any():
        return floor_px, np.zeros(len(off_px))
    sigma = float(np.clip(1.48 * np.median(off_px[found]), floor_px, max(_SIGMA_MAX_PX, reach_px / _TUKEY)))
    ratio = np.where(found, off_px / (_TUKEY * sigma), 1.0)
    return sigma, np.where(ratio < 1.0, (1.0 - np.minimum(ratio, 1.0) ** 2) ** 2, 0.0)


def _judged(pose: Array, landmarks: Landmarks, sight: Sight, pinhole: Pinhole) -> Fit:
    equations = _equations(pose, landmarks, sight, pinhole, _REACH_PX[-1])
    information, _ = _normal_equations(equations)
    # What is not determined at all has a sigma of a radian and a metre, not of infinity.
    covariance: Array = np.linalg.inv(information + np.eye(6)).astype(np.float64)
    points_m = transformed(pose, landmarks.point_m[sight.point_index])
    off = sight.point_px - pinhole.project(points_m)
    near = (np.linalg.norm(off, axis=1) < _IN_PLACE_PX) & (points_m[:, 2] > 0)  # behind the camera all is mirrored
    expected, edges_m = expected_edges(pose, landmarks, pinhole)
    offsets = edge_offsets(sight.gradient, expected, 2.0, nearest=True) if len(landmarks.edge_m) else np.empty(0)
    width, height = pinhole.size_px
    x, y = expected.pixels.T
    in_view = (x > 3) & (x < width - 4) & (y > 3) & (y < height - 4) & (edges_m[:, 2] > 0)
    in_place = in_view & (np.abs(offsets) < _IN_PLACE_PX)
    squares = np.concatenate([(off[near] ** 2).sum(axis=1), offsets[in_place] ** 2])
    return Fit(
        now_from_then=pose,
        covariance=covariance,
        n_points=int(near.sum()),
        n_edges=int(in_place.sum()),
        edges_ratio=float(in_place.sum() / max(1, in_view.sum())),
        rms_px=float(np.sqrt(squares.mean())) if len(squares) else float("nan"),
    )
