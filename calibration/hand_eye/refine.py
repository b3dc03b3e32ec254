"""The guess refined on the corners themselves: camera, board and joint offsets together, each doubted as much as it deserves.

A servo's angles are off in two ways: by a constant (where its zero was put), which is estimated under the prior that it is
small; and anew in every pose (play, friction, steps of the encoder), which is estimated as one spread for all joints. The second
shifts all corners of a picture together, so they are weighed by their covariance: pixels' own noise, plus the joints' noise as
seen through the arm. Taking joints as exact instead makes such a fit worse than no fit (docs/calibration/hand-eye.md).

The first joint of the chain cannot be told from a turn of what stands on the table, nor the last from a turn of what the hand
holds: their offsets are held at 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from scipy import optimize

from calibration.geometry.transforms import Array
from calibration.hand_eye.model import N_PLACES, Guess, HandEyeModel
from calibration.hand_eye.sighting import CornerSet

N_ROUNDS = 6
CONVERGED = 1e-2  # of a standard deviation, largest
PIXEL_NOISE_MIN_PX = 0.02
ROBUST_FROM = 3.0  # standard deviations; beyond, a corner counts less
SPREADS_RAD = np.radians([0.0, *np.geomspace(0.005, 1.0, 24)])  # of joints from pose to pose, tried


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubts:
    """How much what is measured is to be believed, one standard deviation each."""

    pixel_px: float
    offset_rad: float  # of a joint's zero; 0: the joints are exact
    spread_rad: float | None  # of a joint from pose to pose; None: estimated, where joints are not exact


@dataclass(frozen=True, slots=True, kw_only=True)
class Refined:
    """What fits best, and how well that is known."""

    guess: Guess
    free: tuple[int, ...]  # links whose offsets were estimated
    covariance: Array  # (12 + free, 12 + free) of a step as Guess.moved takes it
    spread_rad: float
    chi2_ratio: float  # of residuals against what the doubts explain: about 1, more where something else is wrong

    @property
    def position_sigma_m(self) -> float:
        """Return how far off the camera may be: root of the sum over three axes."""
        return float(np.sqrt(np.trace(self.covariance[3:6, 3:6])))

    @property
    def turn_sigma_rad(self) -> float:
        """Return how far turned the camera may be."""
        return float(np.sqrt(np.trace(self.covariance[:3, :3])))

    @property
    def offset_sigma_rad(self) -> Array:
        """Return how well each link's offset is known (link,); NaN where it was held."""
        result = np.full(len(self.guess.offset_rad), np.nan)
        result[list(self.free)] = np.sqrt(np.diag(self.covariance)[N_PLACES:])
        return result


class Weights:
    """What makes residuals of one pose independent, and of one standard deviation: their covariance's inverse root."""

    def __init__(self, corners: CornerSet, by_joint: Array, pixel_px: float, spread_rad: float) -> None:
        self._rows = [np.flatnonzero(corners.pose == pose) for pose in range(corners.n_poses)]
        self._pixel_px = pixel_px
        self._modes = [_modes(by_joint[rows], spread_rad / pixel_px) for rows in self._rows]

    def whiten(self, values: Array) -> Array:
        """Return values (corner, 2, ...) weighed."""
        result = values / self._pixel_px
        for rows, (modes, variances) in zip(self._rows, self._modes, strict=True):
            flat = result[rows].reshape(2 * len(rows), -1)
            shrunk = flat - modes @ ((1.0 - 1.0 / np.sqrt(1.0 + variances))[:, None] * (modes.T @ flat))
            result[rows] = shrunk.reshape(result[rows].shape)
        return result

    def log_determinant(self) -> float:
        """Return the logarithm of the covariance's determinant, in units of pixel noise."""
        return float(sum(np.log1p(variances).sum() for _, variances in self._modes))

    def doubt_by_pose(self, residuals_px: Array) -> Array:
        """Return by how many standard deviations (pose,) each picture is off as a whole, in the directions that joints move it."""
        result = np.empty(len(self._rows))
        for pose, (rows, (modes, variances)) in enumerate(zip(self._rows, self._modes, strict=True)):
            along = modes.T @ (residuals_px[rows].ravel() / self._pixel_px)
            result[pose] = np.sqrt(np.mean(along**2 / (1.0 + variances)))
        return result


def free_links(n_links: int, doubts: Doubts) -> tuple[int, ...]:
    """Return the links whose offsets can be estimated: none where joints are exact, never the first and the last."""
    return tuple(range(1, n_links - 1)) if doubts.offset_rad > 0 else ()


def refine(model: HandEyeModel, corners: CornerSet, start: Guess, doubts: Doubts) -> Refined:
    """Return the most probable camera, board and offsets for the corners seen."""
    n_links = len(start.offset_rad)
    free = free_links(n_links, doubts)
    if not free:
        doubts = replace(doubts, spread_rad=doubts.spread_rad or 0.0)
    spread_rad = np.radians(0.1) if doubts.spread_rad is None else doubts.spread_rad
    solution = _solve(model, corners, start, free, spread_rad, doubts)
    guess, before_rad = start.moved(_full(solution.x, free, n_links)), -1.0
    for _ in range(N_ROUNDS):
        still = np.abs(solution.x / np.sqrt(np.diag(solution.covariance))).max() < CONVERGED
        if still and spread_rad == before_rad:
            break
        before_rad = spread_rad
        if doubts.spread_rad is None:
            spread_rad = likeliest_spread_rad(model, corners, guess, doubts.pixel_px)
        solution = _solve(model, corners, guess, free, spread_rad, doubts)
        guess = guess.moved(_full(solution.x, free, n_links))
    return Refined(
        guess=guess,
        free=free,
        covariance=solution.covariance * max(1.0, solution.chi2_ratio),
        spread_rad=float(spread_rad),
        chi2_ratio=solution.chi2_ratio,
    )


def likeliest_spread_rad(model: HandEyeModel, corners: CornerSet, guess: Guess, pixel_px: float) -> float:
    """Return the spread of joints from pose to pose under which what the guess leaves unexplained is likeliest."""
    now = model.predict(corners, guess, np.zeros(N_PLACES + len(guess.offset_rad)))
    residuals_px = now.pixels - corners.pixels

    def unlikeliness(spread_rad: float) -> float:
        weights = Weights(corners, now.by_joint, pixel_px, spread_rad)
        return float((weights.whiten(residuals_px) ** 2).sum()) + weights.log_determinant()

    return float(min(SPREADS_RAD, key=unlikeliness))


@dataclass(frozen=True, slots=True)
class _Solution:
    x: Array
    covariance: Array
    chi2_ratio: float


def _solve(
    model: HandEyeModel, corners: CornerSet, guess: Guess, free: tuple[int, ...], spread_rad: float, doubts: Doubts
) -> _Solution:
    """Return the step from a guess, under weights as they are there."""
    n_links, n_pixels = len(guess.offset_rad), 2 * len(corners.pose)
    now = model.predict(corners, guess, np.zeros(N_PLACES + n_links))
    weights = Weights(corners, now.by_joint, doubts.pixel_px, spread_rad)

    def residuals(x: Array) -> Array:
        off_px = model.predict(corners, guess, _full(x, free, n_links)).pixels - corners.pixels
        zeros = guess.offset_rad[list(free)] + x[N_PLACES:]
        return np.concatenate([weights.whiten(off_px).ravel(), zeros / max(doubts.offset_rad, 1e-12)])

    def slopes(x: Array) -> Array:
        predicted = model.predict(corners, guess, _full(x, free, n_links))
        shared = np.zeros((n_pixels // 2, 2, n_links))
        shared[:] = predicted.by_joint
        whole = weights.whiten(np.concatenate([predicted.by_place, shared[:, :, list(free)]], axis=2))
        prior = np.zeros((len(free), N_PLACES + len(free)))
        prior[:, N_PLACES:] = np.eye(len(free)) / max(doubts.offset_rad, 1e-12)
        return np.concatenate([whole.reshape(n_pixels, -1), prior])

    def loss(squares: Array) -> Array:
        return _huber(squares, n_pixels)

    start = np.zeros(N_PLACES + len(free))
    best = _least_squares(residuals, start, slopes, loss)
    at_end = residuals(best)[:n_pixels]
    jacobian = slopes(best)
    typical = np.minimum(at_end**2, ROBUST_FROM**2).sum() / max(1, n_pixels - N_PLACES)
    covariance = np.asarray(np.linalg.pinv(jacobian.T @ jacobian), np.float64)
    return _Solution(best, covariance, float(typical))


def _least_squares(
    residuals: Callable[[Array], Array], start: Array, slopes: Callable[[Array], Array], loss: Callable[[Array], Array]
) -> Array:
    solve: Any = cast("Any", optimize).least_squares  # its types are those of its defaults
    return solve(residuals, start, slopes, method="trf", x_scale="jac", loss=loss, max_nfev=25).x


def _huber(squares: Array, n_robust: int) -> Array:
    """Return Huber's loss and its two derivatives (3, residual) for squared residuals; those after `n_robust` count in full."""
    result = np.stack([squares, np.ones_like(squares), np.zeros_like(squares)])
    far = np.flatnonzero(squares[:n_robust] > ROBUST_FROM**2)
    root = np.sqrt(squares[far])
    result[:, far] = [2.0 * ROBUST_FROM * root - ROBUST_FROM**2, ROBUST_FROM / root, -ROBUST_FROM / (2.0 * root**3)]
    return result


def _full(x: Array, free: tuple[int, ...], n_links: int) -> Array:
    step = np.zeros(N_PLACES + n_links)
    step[:N_PLACES] = x[:N_PLACES]
    step[[N_PLACES + link for link in free]] = x[N_PLACES:]
    return step


def _modes(by_joint: Array, sigma_ratio: float) -> tuple[Array, Array]:
    """Return the directions (pixel, mode) in which joints move one picture, and the variances (mode,) in units of pixel noise."""
    u, s, _ = np.linalg.svd(by_joint.reshape(-1, by_joint.shape[-1]), full_matrices=False)
    return u, (s * sigma_ratio) ** 2
