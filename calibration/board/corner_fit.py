"""Corners of a checkerboard to a hundredth of a pixel: two blurred edges that cross, fitted to the grey levels around.

OpenCV's cornerSubPix averages gradients in a window; on a ChArUco board a window of a useful size reaches the markers, whose own
edges pull it (measured: docs/calibration/board.md). Here only pixels count that the markers cannot reach, along the edges as far
as the next corner nearly; and how well the model fits says whether a corner is one: fingers, glare and blur do not fit.

    grey(d) = mean + contrast * e(n1.d - o1) * e(n2.d - o2),   e(s) = erf(s / (sqrt(2) width))
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

Array = NDArray[np.float64]

RADIUS_MAX_PX = 16
REACH_SQUARES = 0.42  # along the edges: beyond half a square the next corner begins
N_UNKNOWNS = 7  # angle and offset of both edges' normals, mean, contrast, width
N_STEPS = 12
CONVERGED_PX = 1e-3
WIDTHS_PX = (0.25, 6.0)  # of edges: sharper than a pixel tells, and too blurred to be of use
MISFIT_MAX = 0.35  # of the contrast, rms
MISFIT_MAX_RATIO = (
    2.0  # of what most corners of the picture have: the noise is alike everywhere, a finger's edge is not
)
SHADE_MAX = 0.12  # of the contrast: how much brighter one side may be, as beside a reflection, which moves edges unseen
CONTRAST_MIN = 8.0  # grey levels, half of what black and white differ by


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedCorners:
    """What became of every corner."""

    pixels: Array  # (corner, 2)
    good: NDArray[np.bool_]  # (corner,) fits the model, where it was looked for
    width_px: Array  # (corner,) sigma of the edges: the blur


def fit_corners(grey: NDArray[np.uint8], pixels: Array, axes_px: Array, margin_squares: float) -> FittedCorners:
    """Return corners (corner, 2) found anew from guesses.

    `axes_px` (corner, 2, 2): where the next corners along the board's x and y are, from each; `margin_squares`: how wide the
    white border between a square's edge and its marker is, in squares.
    """
    start = pixels - np.rint(pixels)
    patches, offsets, weights = _pixels_that_count(grey, np.rint(pixels).astype(int), start, axes_px, margin_squares)
    state = _first_guess(patches, offsets, weights, start, axes_px)
    shift_px = np.full(len(pixels), np.inf)
    for _ in range(N_STEPS):
        moving = np.flatnonzero(shift_px > CONVERGED_PX)
        if not len(moving):
            break
        after = _stepped(state[moving], offsets[moving], patches[moving], weights[moving])
        shift_px[moving] = np.linalg.norm(_crossing(after) - _crossing(state[moving]), axis=1)
        state[moving] = after
    residual, _ = _model(state, offsets, patches)
    misfit = np.sqrt((weights * residual**2).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-9))
    contrast = np.maximum(np.abs(state[:, 5]), 1e-9)
    found = _crossing(state)
    side_px = np.linalg.norm(axes_px, axis=2).min(axis=1)
    good: NDArray[np.bool_] = (
        (contrast > CONTRAST_MIN)
        & (misfit / contrast < min(MISFIT_MAX, 0.03 + MISFIT_MAX_RATIO * float(np.median(misfit / contrast))))
        & (_shade(residual, offsets - found[:, None], weights) < SHADE_MAX * contrast)
        & (np.linalg.norm(found - start, axis=1) < 0.2 * side_px)
        & (shift_px < 0.05)
        & (state[:, 6] < WIDTHS_PX[1])
        & (weights.sum(axis=1) > 12)
    )
    return FittedCorners(pixels=np.rint(pixels) + found, good=good, width_px=state[:, 6])


def _stepped(state: Array, offsets: Array, patches: Array, weights: Array) -> Array:
    """Return the state after one step towards the least squares."""
    residual, jacobian = _model(state, offsets, patches)
    weighted = np.swapaxes(jacobian * weights[..., None], 1, 2)
    normal = weighted @ jacobian
    # A little of the diagonal keeps what cannot be told (the width of an edge sharper than a pixel) where it is.
    diagonal = np.einsum("cii->ci", normal)
    normal = normal + np.eye(N_UNKNOWNS) * (1e-3 * diagonal + 1e-9)[:, None, :]
    step = np.asarray(np.linalg.solve(normal, weighted @ residual[..., None]), np.float64)[..., 0]
    return _limited(state, step)


def _pixels_that_count(
    grey: NDArray[np.uint8], centres: NDArray[np.int_], start: Array, axes_px: Array, margin_squares: float
) -> tuple[Array, Array, Array]:
    """Return grey levels (corner, pixel), where these are from the centre (corner, pixel, 2), and their weights, 0 or 1."""
    span = np.arange(-RADIUS_MAX_PX, RADIUS_MAX_PX + 1)
    offsets = np.stack(np.meshgrid(span, span), axis=-1).reshape(1, -1, 2)
    weights = _mask(offsets - start[:, None], axes_px, margin_squares)
    # As many pixels for every corner as the one with the most has: those of weight 1 come first.
    order = np.argsort(-weights, axis=1, kind="stable")[:, : int(weights.sum(axis=1).max())]
    offsets, weights = offsets[0][order], np.take_along_axis(weights, order, axis=1)
    places = centres[:, None, :] + offsets
    height, width = grey.shape
    weights *= ((places >= 0) & (places < (width, height))).all(axis=2)
    columns, rows = np.clip(places[..., 0], 0, width - 1), np.clip(places[..., 1], 0, height - 1)
    return grey[rows, columns].astype(np.float64), offsets.astype(np.float64), weights


def _mask(from_corner: Array, axes_px: Array, margin_squares: float) -> Array:
    """Return weights (corner, pixel): 1 along the edges, 0 where a marker or the next corner may be seen."""
    squares = np.abs(np.einsum("cij,cpj->cpi", np.linalg.inv(np.swapaxes(axes_px, 1, 2)), from_corner))
    side_px = np.linalg.norm(axes_px, axis=2)  # (corner, 2)
    pixel = 1.0 / np.maximum(side_px, 1e-9)
    # A marker's blurred edge reaches a pixel out of it; a pixel and a half beside the corner's own edges is always needed.
    strip = np.maximum(margin_squares - pixel, 1.5 * pixel)
    beside = (squares[..., 0] < strip[:, None, 0]) | (squares[..., 1] < strip[:, None, 1])
    return (beside & (squares.max(axis=2) < REACH_SQUARES)).astype(np.float64)


def _first_guess(patches: Array, offsets: Array, weights: Array, start: Array, axes_px: Array) -> Array:
    """Return the state (corner, N_UNKNOWNS)."""
    # The first edge runs along the board's x: its normal is the perpendicular of that; the second's of y.
    normals = np.stack((-axes_px[..., 1], axes_px[..., 0]), axis=2)
    angles = np.arctan2(normals[..., 1], normals[..., 0])
    unit = normals / np.linalg.norm(normals, axis=2, keepdims=True)
    along = np.einsum("cij,cj->ci", unit, start)
    mean = (weights * patches).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-9)
    spread = np.sqrt((weights * (patches - mean[:, None]) ** 2).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-9))
    state = np.stack(
        (angles[:, 0], along[:, 0], angles[:, 1], along[:, 1], mean, spread, np.full(len(start), 1.5)),
        axis=1,
    )
    # Whether the corner is white to its upper left or black, the picture itself tells.
    sign = np.einsum("cp,cp->c", weights * (patches - mean[:, None]), _crossed(state, offsets))
    state[:, 5] *= np.sign(sign)
    return state


def _crossed(state: Array, offsets: Array) -> Array:
    (first, _), (second, _) = (_distance(state, edge, offsets) for edge in (0, 1))
    return np.sign(first) * np.sign(second)


def _distance(state: Array, edge: int, offsets: Array) -> tuple[Array, Array]:
    """Return the signed distance (corner, pixel) from one edge, and the distance along it."""
    angle, offset = state[:, 2 * edge, None], state[:, 2 * edge + 1, None]
    x, y = offsets[..., 0], offsets[..., 1]
    return np.cos(angle) * x + np.sin(angle) * y - offset, np.cos(angle) * y - np.sin(angle) * x


def _model(state: Array, offsets: Array, patches: Array) -> tuple[Array, Array]:
    """Return what the model leaves (corner, pixel), and its derivatives (corner, pixel, N_UNKNOWNS)."""
    width = state[:, 6, None]
    contrast = state[:, 5, None]
    (s1, t1), (s2, t2) = (_distance(state, edge, offsets) for edge in (0, 1))
    e1, e2 = (erf(s / (np.sqrt(2.0) * width)) for s in (s1, s2))
    slope1, slope2 = (np.sqrt(2.0 / np.pi) / width * np.exp(-0.5 * (s / width) ** 2) for s in (s1, s2))
    by_s1, by_s2 = contrast * slope1 * e2, contrast * slope2 * e1
    by_width = -(by_s1 * s1 + by_s2 * s2) / width
    jacobian = np.stack((by_s1 * t1, -by_s1, by_s2 * t2, -by_s2, np.ones_like(e1), e1 * e2, by_width), axis=2)
    return patches - state[:, 4, None] - contrast * e1 * e2, jacobian


def _shade(residual: Array, from_corner: Array, weights: Array) -> Array:
    """Return how much brighter (corner,) than the model one side is than the other, from the corner to where pixels end."""
    total = np.maximum(weights.sum(axis=1), 1e-9)
    slopes = np.einsum("cp,cpi->ci", weights * residual, from_corner) / np.maximum(
        np.einsum("cp,cpi->ci", weights, from_corner**2), 1e-9
    )
    reach_px = np.sqrt(np.einsum("cp,cpi->c", weights, from_corner**2) / total)
    return np.linalg.norm(slopes, axis=1) * reach_px


def _crossing(state: Array) -> Array:
    """Return where both edges cross (corner, 2)."""
    normals = np.stack((np.cos(state[:, [0, 2]]), np.sin(state[:, [0, 2]])), axis=2)
    return np.asarray(np.linalg.solve(normals, state[:, [1, 3], None]), np.float64)[..., 0]


def _limited(state: Array, step: Array) -> Array:
    """Return the next state, no step so long that it leaves the edge, nor a width that no edge has."""
    limits = np.array([0.1, 1.0, 0.1, 1.0, np.inf, np.inf, 0.5])
    moved = state + np.clip(step, -limits, limits)
    moved[:, 6] = np.clip(moved[:, 6], *WIDTHS_PX)
    return moved
