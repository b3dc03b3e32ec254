"""What a camera saw that does not move: points that are recognised, points on edges, and where both are in space.

All in the frame of the camera as it stood then, of pictures without distortion; kept in one .npz without pickled objects.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from interfaces.errors import CalibrationError
from interfaces.messages import DepthMm, Rgb
from runtime.policy.view.edges import Edgels, find_edgels, gradient_of
from runtime.policy.view.features import find_features
from runtime.policy.view.pinhole import Array, Pinhole
from runtime.policy.view.table_plane import TablePlane

FORMAT = 1
EDGE_SPACING_PX = 4
FARTHEST_RATIO = 4.0  # of the camera's distance from the table: what is farther on its plane is hardly the table
_FLAT_RATIO = 0.02  # depth around a landmark may differ by so much of itself; more is the outline of something
_ON_TABLE_RATIO = 0.015  # of the distance: a point this near to the table is taken to be on it


@dataclass(frozen=True, slots=True, kw_only=True)
class Landmarks:
    """The landmarks of one reference picture."""

    point_px: Array  # (n, 2)
    point_m: Array  # (n, 3)
    descriptors: NDArray[np.uint8]  # (n, 128)
    edge_px: Array  # (m, 2)
    edge_normals: Array  # (m, 2) unit, across the edge
    edge_m: Array  # (m, 3)
    plane: TablePlane
    by_depth: bool  # the plane was measured by the camera's own depth

    @property
    def edgels(self) -> Edgels:
        """Return the points on edges as they were seen."""
        return Edgels(pixels=self.edge_px, normals=self.edge_normals)


def find_landmarks(
    rgb: Rgb,
    depth_mm: DepthMm | None,
    plane: TablePlane,
    pinhole: Pinhole,
    *,
    static: NDArray[np.bool_],
    by_depth: bool,
) -> Landmarks:
    """Return the landmarks of a picture without distortion, where `static` (row, column) is true.

    What has no depth, or all of it where `depth_mm` is None, is taken to lie on the plane.
    """
    features = find_features(rgb, static)
    point_m = surface_points(features.pixels, depth_mm, plane, pinhole)
    edgels = find_edgels(gradient_of(rgb), EDGE_SPACING_PX)
    edge_m = surface_points(edgels.pixels, depth_mm, plane, pinhole)
    rows, columns = np.rint(edgels.pixels[:, 1]).astype(int), np.rint(edgels.pixels[:, 0]).astype(int)
    usable, kept = np.isfinite(point_m[:, 0]), np.isfinite(edge_m[:, 0]) & static[rows, columns]
    return Landmarks(
        point_px=features.pixels[usable],
        point_m=point_m[usable],
        descriptors=features.descriptors[usable],
        edge_px=edgels.pixels[kept],
        edge_normals=edgels.normals[kept],
        edge_m=edge_m[kept],
        plane=plane,
        by_depth=by_depth,
    )


def surface_points(pixels: Array, depth_mm: DepthMm | None, plane: TablePlane, pinhole: Pinhole) -> Array:
    """Return where pixels (k, 2) are in space (k, 3); NaN where that is not known, or at the outline of something."""
    rays = pinhole.rays(pixels)
    on_plane = plane.points_on(rays)
    on_plane[~(on_plane[:, 2] < FARTHEST_RATIO * plane.distance_m)] = np.nan
    if depth_mm is None:
        return on_plane
    depth_m, square = depth_mm.astype(np.float32) * 1e-3, np.ones((5, 5), np.uint8)
    nearest, farthest = _at(cv2.erode(depth_m, square), pixels), _at(cv2.dilate(depth_m, square), pixels)
    middle = _at(cv2.blur(depth_m, (5, 5)), pixels)
    known = nearest > 0
    measured = np.where(known & (farthest - nearest < _FLAT_RATIO * farthest + 0.002), middle, np.nan)[:, None] * rays
    on_table = np.abs(plane.height_m(measured)) < _ON_TABLE_RATIO * measured[:, 2]
    return np.where((on_table | ~known)[:, None], on_plane, measured)


def _at(image: cv2.typing.MatLike, pixels: Array) -> Array:
    rows = np.clip(np.rint(pixels[:, 1]), 0, image.shape[0] - 1).astype(int)
    columns = np.clip(np.rint(pixels[:, 0]), 0, image.shape[1] - 1).astype(int)
    return np.asarray(image, np.float64)[rows, columns]


def to_bytes(landmarks: Landmarks) -> bytes:
    """Return landmarks as the bytes of an .npz file."""
    file = io.BytesIO()
    np.savez_compressed(
        file,
        format=np.array(FORMAT),
        point_px=landmarks.point_px,
        point_m=landmarks.point_m,
        descriptors=landmarks.descriptors,
        edge_px=landmarks.edge_px,
        edge_normals=landmarks.edge_normals,
        edge_m=landmarks.edge_m,
        plane=np.append(landmarks.plane.normal, landmarks.plane.distance_m),
        by_depth=np.array(landmarks.by_depth),
    )
    return file.getvalue()


def from_bytes(content: bytes, name: str) -> Landmarks:
    """Return the landmarks in the bytes of an .npz file; raises CalibrationError, with the file's `name`, for anything else."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays: dict[str, NDArray[Any]] = dict(file)
        if int(arrays["format"]) != FORMAT:
            raise CalibrationError(
                f"{name}: its format is {int(arrays['format'])}; this version of forerun reads {FORMAT}"
            )
        plane = arrays["plane"].astype(np.float64).reshape(4)
        landmarks = Landmarks(
            **{
                key: arrays[key].astype(np.float64)
                for key in ("point_px", "point_m", "edge_px", "edge_normals", "edge_m")
            },
            descriptors=arrays["descriptors"].astype(np.uint8),
            plane=TablePlane(normal=plane[:3], distance_m=float(plane[3])),
            by_depth=bool(arrays["by_depth"]),
        )
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, TypeError) as error:
        raise CalibrationError(f"{name}: not landmarks of a camera's view: {error}") from error
    _check_shapes(landmarks, name)
    return landmarks


def _check_shapes(landmarks: Landmarks, name: str) -> None:
    n_points, n_edges = len(landmarks.point_px), len(landmarks.edge_px)
    expected = {
        "point_px": (n_points, 2), "point_m": (n_points, 3), "descriptors": (n_points, 128),
        "edge_px": (n_edges, 2), "edge_normals": (n_edges, 2), "edge_m": (n_edges, 3),
    }  # fmt: skip
    for key, shape in expected.items():
        found = getattr(landmarks, key).shape
        if found != shape:
            raise CalibrationError(f"{name}: {key} is {found}; expected {shape}")
