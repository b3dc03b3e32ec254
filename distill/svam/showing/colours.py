"""Colours for what has none: three directions of features as red, green and blue, and depth from near to far.

Both are fitted once a run, on pictures that are never drawn, so a colour means the same in every frame, episode and picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

_SHADES = (255.0 * colormaps["magma"](np.linspace(0.0, 1.0, 256))[:, :3]).round().astype(np.uint8)  # (256, 3)
_EDGE_RATIO = 0.02  # of the values may be beyond black or white

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureColours:
    """Features (..., dim) -> colours."""

    mean: Floats  # (dim,)
    directions: Floats  # (dim, 3)
    low: Floats  # (3,)
    high: Floats

    def __call__(self, features: Floats) -> NDArray[np.uint8]:
        """Return (..., g, g, 3) of features (..., S, dim) on a square grid."""
        along = (features - self.mean) @ self.directions
        share = np.clip((along - self.low) / (self.high - self.low), 0.0, 1.0)
        side = round(features.shape[-2] ** 0.5)
        return np.rint(255.0 * share).astype(np.uint8).reshape(*features.shape[:-2], side, side, 3)


def fit_colours(features: Floats) -> FeatureColours:
    """Return colours for features (picture, S, dim).

    Directions are the principal ones of what *changes* at a place, so that arm and things stand out, and not what stays, wall and
    table, which differ more from each other than from anything that moves. An eigenvector's sign means nothing: here its largest
    entry is positive.
    """
    moving = (features - features.mean(0)).reshape(-1, features.shape[-1])
    _, vectors = np.linalg.eigh(moving.T @ moving)  # ascending
    chosen = vectors[:, ::-1][:, :3]
    directions = chosen * np.sign(chosen[np.abs(chosen).argmax(0), np.arange(3)])
    mean = features.reshape(-1, features.shape[-1]).mean(0)
    along = (features.reshape(-1, features.shape[-1]) - mean) @ directions
    low, high = np.quantile(along, (_EDGE_RATIO, 1.0 - _EDGE_RATIO), axis=0)
    return FeatureColours(mean=mean, directions=directions, low=low, high=np.maximum(high, low + 1e-9))


@dataclass(frozen=True, slots=True)
class DepthColours:
    """Depth in mm -> colours, near ones bright, in equal steps of 1 / depth: a hand counts for more than a far wall."""

    near_mm: float
    far_mm: float

    def __call__(self, depth_mm: Floats) -> NDArray[np.uint8]:
        """Return (..., h, w, 3) of depth (..., h, w)."""
        inverse = 1.0 / np.clip(depth_mm, self.near_mm, self.far_mm)
        share = (inverse - 1.0 / self.far_mm) / (1.0 / self.near_mm - 1.0 / self.far_mm)
        return _SHADES[np.rint(255.0 * share).astype(np.int64)]


def fit_depth_colours(depth_mm: NDArray[np.uint16]) -> DepthColours:
    """Return colours for the depths that there are; 0 is none."""
    near, far = np.quantile(depth_mm[depth_mm > 0], (_EDGE_RATIO, 1.0 - _EDGE_RATIO))
    return DepthColours(float(near), max(float(far), float(near) + 1.0))
