"""The reference picture: what is static in it, and the landmarks found there. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from runtime.policy.view.landmarks import Landmarks, find_landmarks
from runtime.policy.view.moved_view import Picture
from runtime.policy.view.pinhole import Pinhole
from runtime.policy.view.table_plane import TablePlane

_CHANGED_LEVELS = 10.0  # grey levels, after smoothing: beyond a camera's noise
_CHANGED_DEPTH_RATIO = 0.02
_ON_TABLE_RATIO = 0.015  # of the distance
_MARGIN_PX = 9  # around what changed nothing is trusted either


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What is kept of a view, and the picture it was found in."""

    picture: Picture
    static: NDArray[np.bool_]  # (row, column)
    landmarks: Landmarks


def make_reference(pictures: Sequence[Picture], plane: TablePlane, pinhole: Pinhole, *, by_depth: bool) -> Reference:
    """Return the reference of pictures that differ in the arm's pose; of a single one, all that lies on the table counts as static.

    `by_depth` tells that the plane was measured by the camera's own depth.
    """
    merged = merge(pictures)
    static = static_part(pictures, merged, plane, pinhole)
    landmarks = find_landmarks(merged.rgb, merged.depth_mm, plane, pinhole, static=static, by_depth=by_depth)
    return Reference(picture=merged, static=static, landmarks=landmarks)


def merge(pictures: Sequence[Picture]) -> Picture:
    """Return what most pictures show at each pixel: behind the arm, what it does not hide in the others."""
    depths = [picture.depth_mm for picture in pictures if picture.depth_mm is not None]
    return Picture(
        rgb=np.median([picture.rgb for picture in pictures], axis=0).astype(np.uint8),
        depth_mm=np.median(depths, axis=0).astype(np.uint16) if depths else None,
    )


def static_part(pictures: Sequence[Picture], merged: Picture, plane: TablePlane, pinhole: Pinhole) -> NDArray[np.bool_]:
    """Return where (row, column) nothing moved: all pictures agree, or two of them do on what is the table by its depth."""
    on_table = _on_table(merged, plane, pinhole)
    agreeing = np.sum([~_differs(picture, merged) for picture in pictures], axis=0)
    if len(pictures) == 1:
        return on_table
    trusted = (agreeing == len(pictures)) | ((agreeing >= 2) & on_table)
    doubtful = cv2.dilate((~trusted).astype(np.uint8), np.ones((_MARGIN_PX, _MARGIN_PX), np.uint8))
    return np.asarray(doubtful) == 0


def _differs(one: Picture, other: Picture) -> NDArray[np.bool_]:
    smooth = [cv2.GaussianBlur(each.rgb.astype(np.float32), (0, 0), 1.5) for each in (one, other)]
    differs = np.abs(smooth[0] - smooth[1]).max(axis=2) > _CHANGED_LEVELS
    if one.depth_mm is not None and other.depth_mm is not None:
        first, second = one.depth_mm.astype(np.float32), other.depth_mm.astype(np.float32)
        both = (first > 0) & (second > 0)
        differs |= both & (np.abs(first - second) > _CHANGED_DEPTH_RATIO * second)
    return differs


def _on_table(picture: Picture, plane: TablePlane, pinhole: Pinhole) -> NDArray[np.bool_]:
    if picture.depth_mm is None:
        return np.zeros(picture.rgb.shape[:2], np.bool_)
    rays = pinhole.rays(pinhole.grid())
    depth_m = picture.depth_mm.ravel() * 1e-3
    above_m = plane.height_m(rays * depth_m[:, None])
    return ((depth_m > 0) & (np.abs(above_m) < _ON_TABLE_RATIO * depth_m)).reshape(picture.depth_mm.shape)
