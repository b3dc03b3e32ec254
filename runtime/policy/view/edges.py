"""Edges of a picture to a fraction of a pixel: where they are, and how far they lie from where they are expected."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from interfaces.messages import Rgb
from runtime.policy.view.pinhole import Array

_BLUR_PX = 1.0
_STEP_PX = 0.5  # of the search across an edge
_LOUD_RATIO = 6.0  # an edge is so many times as steep as what noise makes of a plain picture
_STEEP_MIN = 1.5  # grey levels a pixel; less is shade


@dataclass(frozen=True, slots=True, kw_only=True)
class Gradient:
    """How steeply a picture changes, of the colour that changes most at each pixel; grey levels a pixel."""

    along_x: NDArray[np.float32]  # (row, column)
    along_y: NDArray[np.float32]
    steepness: NDArray[np.float32]
    threshold: float  # what is steeper is an edge


@dataclass(frozen=True, slots=True, kw_only=True)
class Edgels:
    """Points on edges."""

    pixels: Array  # (k, 2) column, row
    normals: Array  # (k, 2) unit, across the edge


def gradient_of(rgb: Rgb | NDArray[np.float32]) -> Gradient:
    """Return the gradient of a picture (row, column, 3)."""
    smooth = cv2.GaussianBlur(rgb.astype(np.float32), (0, 0), _BLUR_PX)
    # Scharr's weights add up to 32: so it is levels a pixel.
    by_x = np.asarray(cv2.Scharr(smooth, cv2.CV_32F, 1, 0, scale=1 / 32), np.float32)
    by_y = np.asarray(cv2.Scharr(smooth, cv2.CV_32F, 0, 1, scale=1 / 32), np.float32)
    squares = by_x**2 + by_y**2
    colour = squares.argmax(axis=2)[..., None]
    along_x, along_y, square = (np.take_along_axis(each, colour, axis=2)[..., 0] for each in (by_x, by_y, squares))
    steepness = np.sqrt(square)
    threshold = max(_STEEP_MIN, _LOUD_RATIO * float(np.median(steepness)))
    return Gradient(along_x=along_x, along_y=along_y, steepness=steepness, threshold=threshold)


def find_edgels(gradient: Gradient, spacing_px: int) -> Edgels:
    """Return points where the gradient is steepest across an edge, one a square of `spacing_px`, the steepest first."""
    steep = gradient.steepness
    rows, columns = np.nonzero(steep > gradient.threshold)
    inside = (rows > 2) & (rows < steep.shape[0] - 3) & (columns > 2) & (columns < steep.shape[1] - 3)
    pixels = np.column_stack([columns[inside], rows[inside]]).astype(np.float64)
    if len(pixels) == 0:
        return Edgels(pixels=pixels, normals=np.empty((0, 2)))
    normals = np.column_stack([_at(gradient.along_x, pixels), _at(gradient.along_y, pixels)])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    before, here, after = (_at(steep, pixels + step * normals) for step in (-1.0, 0.0, 1.0))
    crest = (here >= before) & (here >= after)
    pixels += (_top(before, here, after) * crest)[:, None] * normals
    pixels, normals, here = pixels[crest], normals[crest], here[crest]
    order = np.argsort(-here)
    cells = (pixels[order] // spacing_px).astype(np.int64)
    _, first = np.unique(cells[:, 0] * 100_000 + cells[:, 1], return_index=True)
    kept = order[np.sort(first)]
    return Edgels(pixels=pixels[kept], normals=normals[kept])


def edge_offsets(gradient: Gradient, expected: Edgels, reach_px: float, *, nearest: bool) -> Array:
    """Return how far (k,) along their normals edges lie from where they are expected; NaN where none is within reach.

    Of several the nearest counts, or the steepest.
    """
    steps = np.arange(-reach_px - _STEP_PX, reach_px + 2 * _STEP_PX, _STEP_PX)
    where = expected.pixels[:, None, :] + steps[None, :, None] * expected.normals[:, None, :]
    across = np.abs(
        _at(gradient.along_x, where) * expected.normals[:, :1] + _at(gradient.along_y, where) * expected.normals[:, 1:]
    )
    before, here, after = across[:, :-2], across[:, 1:-1], across[:, 2:]
    crest = (here >= before) & (here > after) & (here > gradient.threshold)
    # Of a profile with a strong edge in it the faint ones beside it are its own flanks, or noise.
    crest &= here > 0.35 * across.max(axis=1, keepdims=True)
    rank = -np.abs(steps[1:-1])[None, :] if nearest else here
    best = np.where(crest, rank, -np.inf).argmax(axis=1)
    k = np.arange(len(best))
    found = steps[1:-1][best] + _STEP_PX * _top(before[k, best], here[k, best], after[k, best])
    return np.where(crest[k, best], found, np.nan)


def _at(image: NDArray[np.float32], pixels: Array) -> Array:
    """Return the image's values at pixels (..., 2), between its pixels too; 0 outside."""
    flat = pixels.reshape(-1, 1, 2).astype(np.float32)
    # remap takes pictures of at most 32767 rows.
    parts = [
        cv2.remap(image, part, np.empty(0), cv2.INTER_CUBIC) for part in np.split(flat, range(30000, len(flat), 30000))
    ]
    return np.concatenate([np.asarray(part, np.float64).ravel() for part in parts]).reshape(pixels.shape[:-1])


def _top(before: Array, here: Array, after: Array) -> Array:
    """Return where the parabola through three values is highest, -0.5 to 0.5 steps from the middle one."""
    bend = np.minimum(before - 2.0 * here + after, -1e-9)
    return np.clip(0.5 * (before - after) / bend, -0.5, 0.5)
