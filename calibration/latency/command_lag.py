"""From commands to the motion they cause: a delay, and after it the servo's own following, told apart where that can be. Pure.

A command is held until the next one comes, travels for a while (bus, the servo's own cycle), and then the servo runs after it:

    measured(t) = offset + scale * follower(t - delay) - what friction and play take at each turn
    follower    = the commands as stairs, through a first-order lag with the time constant `following`

For a motion that is slow against all of this the sum counts: delay + following + half a period of being held. By so much an arm
is late, and by so much ahead must it be told (`policy.actuation_latency_ms`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from calibration.signals.lag_fit import (
    BLOCK_S,
    GRID_S,
    N_PLAY_LOOKS,
    OUTLIER_SIGMAS,
    TURN_SHARE,
    Array,
    Columns,
    Estimate,
    Signal,
    Solution,
    residual_over_lags,
    solve,
    turns,
    unexplained,
)

FOLLOWING_MIN_S, FOLLOWING_MAX_S = 5e-4, 0.3
FOLLOWING_START_S = 0.005
N_FOLLOWING_TRIED = 8
FOLLOWING_FOUND = 0.05  # relative
CLEARLY_SIGMAS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLag:
    """How the measured joint follows what it is told."""

    lag_s: Estimate  # of slow motion: delay, following and half a period
    following_s: (
        Estimate  # time constant of the servo's own lag; no surer than a period, in which a quick one is there already
    )
    delay_s: float  # what is left: bus and the servo's own cycle
    play_rad: Estimate  # that friction and play take at each turn
    size_ratio: float  # of the motion, over the one commanded
    unexplained_ratio: float
    n_outliers: int
    predicted_rad: Array  # (sample,)


def fit_command_lag(commands: Signal, measured: Signal, *, lag_range_s: tuple[float, float]) -> CommandLag:
    """Return how `measured` (rad) follows `commands` (rad); raises ValueError for too little motion."""
    lags_s = np.arange(*lag_range_s, GRID_S)
    start_s = float(lags_s[residual_over_lags(commands, measured, lags_s).argmin()])
    width = TURN_SHARE * float(np.ptp(commands.value))
    follower = _Follower(commands, width, measured.t_s)
    first = solve(follower.columns, measured, np.array([start_s, FOLLOWING_START_S]), 1)
    for _ in range(N_PLAY_LOOKS):
        width = max(width, abs(_play(first)))
        follower = _Follower(commands, width, measured.t_s)
        first = solve(follower.columns, measured, first.nonlinear, 1)
    # How quickly it follows is looked for first, with all else the best for it: the stairs make too rough a ground for slopes.
    following_s = _find_following(follower, measured, first)
    solution = solve(follower.columns, measured, np.array([first.nonlinear[0], following_s.value]), 1)
    lag_s = float(solution.nonlinear[0])
    half_widths: list[float] = solution.nonlinear_half_width.tolist()
    scale, play_width = float(solution.linear[1]), abs(2 * float(solution.linear_half_width[-1] / solution.linear[1]))
    return CommandLag(
        lag_s=Estimate(value=lag_s, half_width=half_widths[0]),
        following_s=replace(following_s, half_width=max(following_s.half_width, half_widths[1], follower.held_s)),
        delay_s=lag_s - following_s.value - follower.held_s / 2,
        play_rad=Estimate(value=_play(solution), half_width=play_width),
        size_ratio=scale,
        unexplained_ratio=unexplained(measured.value, solution),
        n_outliers=int((solution.weights == 0).sum()),
        predicted_rad=solution.predicted,
    )


def _find_following(follower: _Follower, measured: Signal, first: Solution) -> Estimate:
    """Return the time constant that leaves least of what was measured, outliers counting no more than they must.

    How sure it is: as far as the farthest one tried that is not clearly worse, by pairs of what both leave in each block of time.
    """
    most = (OUTLIER_SIGMAS * 1.4826 * float(np.median(np.abs(measured.value - first.predicted)))) ** 2 or 1.0
    block = ((measured.t_s - measured.t_s[0]) / BLOCK_S).astype(int)
    n_in_block = np.bincount(block)

    def left(log_s: float) -> Array:  # (block,)
        start = np.array([first.nonlinear[0], math.exp(log_s)])
        solution = solve(follower.columns, measured, start, 1)
        return np.bincount(block, np.minimum((measured.value - solution.predicted) ** 2, most)) / n_in_block

    first_s, last_s = math.log(FOLLOWING_MIN_S), math.log(FOLLOWING_MAX_S)
    tried = [first_s + (last_s - first_s) * k / (N_FOLLOWING_TRIED - 1) for k in range(N_FOLLOWING_TRIED)]
    costs = [left(log_s) for log_s in tried]
    k = int(np.argmin([cost.mean() for cost in costs]))
    low, high = tried[max(k - 1, 0)], tried[min(k + 1, len(tried) - 1)]
    while high - low > FOLLOWING_FOUND:  # thirds: of two places inside, the better one's side stays
        one, other = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, other) if left(one).mean() < left(other).mean() else (one, high)
    best_s, best = math.exp((low + high) / 2), left((low + high) / 2)
    rivals_s = [math.exp(log_s) for log_s, cost in zip(tried, costs, strict=True) if not _clearly_worse(cost, best)]
    return Estimate(value=best_s, half_width=max((abs(rival_s - best_s) for rival_s in rivals_s), default=0.0))


def _clearly_worse(cost: Array, best: Array) -> bool:
    more = cost - best
    return float(more.mean()) > CLEARLY_SIGMAS * float(more.std()) / math.sqrt(len(more))


class _Follower:
    """A servo of first order that runs after stairs."""

    def __init__(self, commands: Signal, width: float, t_s: Array) -> None:
        self._t_s = commands.t_s
        self._stairs = commands.value - np.mean(commands.value)
        self._turned = turns(commands.value, width)
        self._asked_s = t_s
        self.held_s = float(np.median(np.diff(commands.t_s)))
        self._at_steps: dict[float, tuple[Array, Array]] = {}

    def columns(self, parameters: Array) -> Columns:
        """Return 1, the follower and its turns (sample, 3) for a lag and a time constant."""
        lag_s, following_s = float(parameters[0]), _possible(float(parameters[1]))
        t_s = self._asked_s - (lag_s - following_s - self.held_s / 2)
        # Exact between two steps, so that the instants of sampling count as they are.
        k = np.clip(np.searchsorted(self._t_s, t_s, side="right") - 1, 0, len(self._t_s) - 1)
        keeps = np.exp(-np.maximum(t_s - self._t_s[k], 0.0) / following_s)
        if following_s not in self._at_steps:  # step by step takes long, and only lags are tried by the hundred
            self._at_steps[following_s] = self._run(self._stairs, following_s), self._run(self._turned, following_s)
        at_stairs, at_turned = self._at_steps[following_s]
        follower = self._stairs[k] + (at_stairs[k] - self._stairs[k]) * keeps
        turned = self._turned[k] + (at_turned[k] - self._turned[k]) * keeps
        return np.column_stack([np.ones(len(t_s)), follower, turned])

    def _run(self, stairs: Array, following_s: float) -> Array:
        """Return where the follower is at each step."""
        keeps = np.exp(-np.diff(self._t_s) / following_s).tolist()
        place = float(stairs[0])
        at_step = [place]
        for keep, stair in zip(keeps, stairs.tolist(), strict=False):
            place = stair + (place - stair) * keep
            at_step.append(place)
        return np.array(at_step)


def _possible(following_s: float) -> float:
    return min(max(following_s, FOLLOWING_MIN_S), FOLLOWING_MAX_S)


def _play(solution: Solution) -> float:
    return -2 * float(solution.linear[2]) / float(solution.linear[1])
