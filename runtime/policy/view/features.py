"""Points of a picture that are recognised in another: SIFT, and which of one picture are which of the other.

SIFT and not ORB or AKAZE, by measurement: docs/calibration/view.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from interfaces.messages import Rgb
from runtime.policy.view.pinhole import Array

_FEATURES_MAX = 600
_CONTRAST = 0.02  # half of SIFT's usual: tables are faint
_RATIO = 0.75  # Lowe's: the best match must be so much nearer than the second best


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """Points and how they look."""

    pixels: Array  # (k, 2)
    descriptors: NDArray[np.uint8]  # (k, 128)


def find_features(rgb: Rgb, mask: NDArray[np.bool_] | None = None) -> Features:
    """Return the points of a picture (row, column, 3), where `mask` (row, column) is true."""
    sift = cv2.SIFT.create(nfeatures=_FEATURES_MAX, contrastThreshold=_CONTRAST)
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    found: Any = sift.detectAndCompute(grey, None if mask is None else mask.astype(np.uint8))
    keypoints, descriptors = found
    if not keypoints:
        return Features(pixels=np.empty((0, 2)), descriptors=np.empty((0, 128), np.uint8))
    pixels = np.array([keypoint.pt for keypoint in keypoints], np.float64)
    return Features(pixels=pixels, descriptors=np.asarray(descriptors).astype(np.uint8))


def matches(known: NDArray[np.uint8], seen: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Return pairs (k, 2) of indices into descriptors (n, 128) and (m, 128): clear matches, each the other's best."""
    if len(known) < 2 or len(seen) < 2:
        return np.empty((0, 2), np.intp)
    squares = (known.astype(np.float32) ** 2).sum(1)[:, None] + (seen.astype(np.float32) ** 2).sum(1)[None, :]
    distances = squares - 2.0 * known.astype(np.float32) @ seen.astype(np.float32).T
    two = np.partition(distances, 1, axis=1)[:, :2]
    best = distances.argmin(axis=1)
    mutual = distances.argmin(axis=0)[best] == np.arange(len(known))
    clear = two[:, 0] < _RATIO**2 * two[:, 1]
    chosen = np.nonzero(mutual & clear)[0]
    return np.column_stack([chosen, best[chosen]])
