"""How much later one signal is than another, to a fraction of the time between their samples, and how sure that is. Pure.

The later signal is the earlier one shifted in time and mapped by a polynomial (scale, offset, and the bend of a picture's
perspective), less what friction and play take at each turn. Correlation over a grid of lags gives the start, a robust least
squares on the interpolated signals the lag, and a bootstrap over blocks of time the interval: errors of neighbouring samples are
alike (a pixel's pattern, an encoder's step), and only blocks of them are independent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student_t

Array = NDArray[np.float64]
Columns = NDArray[np.float64]  # (sample, column)

GRID_S = 0.005  # of the search; 1.2 Hz turns by 2 degrees in it
FINE_HZ = 500.0  # that signals are laid out at to be smoothed and looked up in
SMOOTHED_S = 0.02  # to either side; of a 1.2 Hz motion that takes half a percent
BLOCK_S = 1.0
N_BOOTSTRAPS = 1000
N_ITERATIONS, N_REWEIGHTED = 8, 2
N_PLAY_LOOKS = 3  # what is found with one width of play is the next one's width
STEP_MAX_S, STEP_MIN_S = 0.02, 2e-6
OUTLIER_SIGMAS = 4.0
SLOPE_S = 1e-3  # between the two places that a derivative is taken from
TURN_SHARE = 0.02  # of the range: play is at least so wide when it is first looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """Values at instants that grow."""

    t_s: Array  # (sample,)
    value: Array  # (sample,)

    def at(self, t_s: Array) -> Array:
        """Return the values in between, linearly; the first and last stand for what is outside."""
        return np.interp(t_s, self.t_s, self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number, and how far off the truth may be, either way, in 95 of 100 cases."""

    value: float
    half_width: float

    def text(self, digits: int = 1) -> str:
        """Return both, as "12.3 +- 0.4"."""
        return f"{self.value:.{digits}f} +- {self.half_width:.{digits}f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LagFit:
    """How one signal follows another."""

    lag_s: Estimate
    play: Estimate  # in the earlier signal's unit: how far it goes at each turn before the later one follows
    size_ratio: float  # of the later signal over the earlier
    unexplained_ratio: float  # of the later signal's standard deviation, outliers left out; 0 is a perfect fit
    n_outliers: int
    predicted: Array  # (sample,) the later signal as the fit has it
    inlying: NDArray[np.bool_]  # (sample,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """The end of a robust least squares: what `solve` found."""

    nonlinear: Array
    nonlinear_half_width: Array
    linear: Array
    linear_half_width: Array
    predicted: Array
    weights: Array


def smoothed(signal: Signal) -> Signal:
    """Return a signal laid out evenly, its steps rounded off without shifting it: a straight line through each neighbourhood.

    Every sample counts alike: interpolated, a motion of steps that is measured twice a step would seem to come later.
    """
    t_s = np.arange(signal.t_s[0], signal.t_s[-1], 1 / FINE_HZ)
    first = np.searchsorted(signal.t_s, t_s - SMOOTHED_S)
    n_most = int((np.searchsorted(signal.t_s, t_s + SMOOTHED_S) - first).max())
    near = np.minimum(first[:, None] + np.arange(max(2, n_most)), len(signal.t_s) - 1)
    away_s = signal.t_s[near] - t_s[:, None]
    weights = (1 - np.minimum(np.abs(away_s) / SMOOTHED_S, 1.0) ** 3) ** 3 + 1e-9
    value = signal.value[near]
    s0, s1, s2 = (np.sum(weights * away_s**power, axis=1) for power in range(3))
    v0, v1 = (np.sum(weights * value * away_s**power, axis=1) for power in range(2))
    return Signal(t_s=t_s, value=(s2 * v0 - s1 * v1) / (s0 * s2 - s1 * s1))


def residual_over_lags(earlier: Signal, later: Signal, lags_s: Array) -> Array:
    """Return, for each lag, the share of the later signal that a straight line of the earlier does not explain, 0 to 1."""
    ratios: list[float] = []
    for lag_s in lags_s:
        r = np.corrcoef(earlier.at(later.t_s - lag_s), later.value)[0, 1]
        ratios.append(float(np.sqrt(max(0.0, 1.0 - r * r))))
    return np.array(ratios)


def fit_lag(earlier: Signal, later: Signal, *, lag_range_s: tuple[float, float], degree: int = 1) -> LagFit:
    """Return by how much `later` lags behind `earlier`; both as of the same motion. Raises ValueError for too few samples.

    `degree` is that of the polynomial from one to the other. Samples whose partner would lie outside the earlier signal are
    left out of the fit, and extrapolated in `predicted`.
    """
    lags_s = np.arange(*lag_range_s, GRID_S)
    start_s = float(lags_s[residual_over_lags(earlier, later, lags_s).argmin()])
    middle, spread = float(np.mean(earlier.value)), float(np.ptp(earlier.value)) / 2 or 1.0
    least = TURN_SHARE * 2 * spread
    mapping = middle, spread, degree
    solution = solve(_columns_of(earlier, least, 0.0, later.t_s, mapping), later, np.array([start_s]))
    play = _play(solution, spread)
    for _ in range(N_PLAY_LOOKS):  # once more, with the play that was found
        taken = max(0.0, play)
        columns = _columns_of(earlier, max(least, taken), taken, later.t_s, mapping)
        solution = solve(columns, later, solution.nonlinear)
        play = taken + _play(solution, spread)
    scale = float(solution.linear[1])
    return LagFit(
        lag_s=Estimate(value=float(solution.nonlinear[0]), half_width=float(solution.nonlinear_half_width[0])),
        play=Estimate(value=play, half_width=abs(2 * spread * float(solution.linear_half_width[-1]) / scale)),
        size_ratio=scale / spread,
        unexplained_ratio=unexplained(later.value, solution),
        n_outliers=int((solution.weights == 0).sum()),
        predicted=solution.predicted,
        inlying=solution.weights > 0,
    )


def turns(value: Array, width: float) -> Array:
    """Return which way a signal last went, -1 to 1 (n,): at each turn it changes over a way of `width`.

    A mechanism with that much play is half of `width` times this behind.
    """
    behind = np.empty_like(value)
    follower = value[0]
    for k, place in enumerate(value.tolist()):
        follower = min(max(follower, place - width / 2), place + width / 2)
        behind[k] = place - follower
    return behind / (width / 2)


def solve(
    columns: Callable[[Array], Columns],
    later: Signal,
    start: Array,
    n_moved: int | None = None,
    *,
    sigma_min: float = 0.0,
) -> Solution:
    """Return the robust least squares of `later` by columns that depend on some parameters besides, from `start` on.

    `columns(parameters)` are (sample, column); parameters are times in s. Only the first `n_moved` of them are looked for (None:
    all); the others are taken as found, and count as uncertain all the same. No sample is an outlier within some `sigma_min`.
    """
    parameters, weights = start.copy(), np.ones(len(later.t_s))
    linear: Array = np.linalg.lstsq(columns(parameters), later.value, rcond=None)[0].astype(np.float64)
    jacobian = columns(parameters)
    n_linear = len(linear)
    n_free = n_linear + (len(start) if n_moved is None else n_moved)
    for k in range(N_ITERATIONS):
        matrix = columns(parameters)
        slopes = [_slope(columns, parameters, i) @ linear for i in range(len(parameters))]
        jacobian = np.column_stack([matrix, *slopes])
        residual = later.value - matrix @ linear
        weights = _weights(residual, sigma_min)
        root = np.sqrt(weights)
        step = np.linalg.lstsq(jacobian[:, :n_free] * root[:, None], residual * root, rcond=None)[0]
        linear = linear + step[:n_linear]
        parameters[: n_free - n_linear] += np.clip(step[n_linear:], -STEP_MAX_S, STEP_MAX_S)
        if k >= N_REWEIGHTED and np.abs(step[n_linear:]).max(initial=0.0) < STEP_MIN_S:
            break
    residual = later.value - columns(parameters) @ linear
    half_widths = _half_widths(jacobian, residual, weights, later.t_s)
    return Solution(
        nonlinear=parameters,
        nonlinear_half_width=half_widths[n_linear:],
        linear=linear,
        linear_half_width=half_widths[:n_linear],
        predicted=columns(parameters) @ linear,
        weights=weights,
    )


def unexplained(value: Array, solution: Solution) -> float:
    """Return the share of the spread of `value` that a solution leaves, outliers left out."""
    inlying = solution.weights > 0
    left = value[inlying] - solution.predicted[inlying]
    return float(np.std(left) / (np.std(value[inlying]) or 1.0))


def _columns_of(
    earlier: Signal, width: float, taken: float, t_s: Array, mapping: tuple[float, float, int]
) -> Callable[[Array], Columns]:
    """Return the columns at a lag: powers of the earlier signal, the play known so far taken off, and what play is left."""
    middle, spread, degree = mapping
    turned = Signal(t_s=earlier.t_s, value=turns(earlier.value, width))
    behind = Signal(t_s=earlier.t_s, value=(earlier.value - taken / 2 * turned.value - middle) / spread)

    def columns(lag_s: Array) -> Columns:
        x = behind.at(t_s - lag_s[0])
        return np.column_stack([x**power for power in range(degree + 1)] + [turned.at(t_s - lag_s[0])])

    return columns


def _play(solution: Solution, spread: float) -> float:
    return -2 * spread * float(solution.linear[-1]) / float(solution.linear[1])


def _slope(columns: Callable[[Array], Columns], parameters: Array, index: int) -> Columns:
    step = np.zeros_like(parameters)
    step[index] = SLOPE_S / 2
    return (columns(parameters + step) - columns(parameters - step)) / SLOPE_S


def _weights(residual: Array, sigma_min: float) -> Array:
    """Return Tukey's weights: 1 for what fits, 0 for outliers."""
    sigma = max(1.4826 * float(np.median(np.abs(residual))), sigma_min, 1e-12)
    reach = np.minimum(np.abs(residual) / (OUTLIER_SIGMAS * sigma), 1.0)
    return (1 - reach**2) ** 2


def _half_widths(jacobian: Columns, residual: Array, weights: Array, t_s: Array) -> Array:
    """Return half the 95 % interval of each parameter, from blocks of time drawn with replacement."""
    seconds, blocks = np.unique(np.floor(t_s / BLOCK_S), return_inverse=True)  # pauses count for nothing
    n_blocks = len(seconds)
    n_parameters = jacobian.shape[1]
    if n_blocks <= 3:
        raise ValueError(f"{n_blocks} s of motion are too little to tell how sure a lag is")
    sizes = np.linalg.norm(jacobian, axis=0) + 1e-300
    jacobian = jacobian / sizes
    weighted = jacobian * weights[:, None]
    squares = np.zeros((n_blocks, n_parameters, n_parameters))
    gradients = np.zeros((n_blocks, n_parameters))
    np.add.at(squares, blocks, weighted[:, :, None] * jacobian[:, None, :])
    np.add.at(gradients, blocks, weighted * residual[:, None])
    draws = np.random.default_rng(0).multinomial(n_blocks, np.full(n_blocks, 1 / n_blocks), N_BOOTSTRAPS)
    ridge = 1e-9 * np.eye(n_parameters)  # a draw may miss what tells one parameter
    found = np.linalg.solve(np.tensordot(draws, squares, 1) + ridge, np.tensordot(draws, gradients, 1)[:, :, None])
    spread = np.std(found[:, :, 0], axis=0) / sizes
    return spread * float(student_t.ppf(0.975, n_blocks - 1)) * np.sqrt(n_blocks / (n_blocks - 1))
