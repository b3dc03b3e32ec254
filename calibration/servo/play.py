"""What of a reversal is play, what is friction bending the servo, and what is delay. Pure.

    measured = offset + scale * commanded(t - lag) - play / 2 * turns(t - lag) - give * effort

`turns` is which way it last went. A slow servo and a sticky one look alike at one speed; told apart they are by several speeds (the
lag) and by speeding up and slowing down (the give: effort without a turn). What the encoder does not see it cannot tell: play
behind an encoder on the output shaft shows in the pictures only (forerun calibrate latency).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from calibration.servo.motions import Array
from calibration.servo.samples import Samples
from calibration.signals.lag_fit import Columns, Estimate, Signal, Solution, residual_over_lags, solve, turns

LAGS_S = (-0.01, 0.25)
LAG_STEP_S = 0.002
WIDTH_MIN_RAD = 0.002  # play is first looked for with this
N_LOOKS = 3
SIGMA_MIN_RAD = 0.005  # what speeding up bends is no outlier: it is what tells give from play


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """What happens at a reversal."""

    play_rad: Estimate
    give_rad: Estimate  # for the whole of the motor's effort
    lag_s: Estimate
    loop_rad: float  # width of the whole loop at a stand: play, and twice what friction bends

    @property
    def told_apart(self) -> bool:
        """Return whether play is known to better than a third of the loop, or to a thousandth."""
        return self.play_rad.half_width < max(0.0015, 0.35 * self.loop_rad)


def find_play(run: Samples, dry_ratio: float) -> Play:
    """Return play, give and lag from all motions of a joint, joined; raises ValueError for too little motion."""
    commands, measured = (
        Signal(t_s=run.t_command_s, value=run.commanded_rad),
        Signal(t_s=run.t_s, value=run.measured_rad),
    )
    lags_s = np.arange(*LAGS_S, LAG_STEP_S)
    start = np.array([float(lags_s[residual_over_lags(commands, measured, lags_s).argmin()])])
    solution = _solved(commands, measured, start, run.effort_ratio)
    give_rad = -float(solution.linear[3] / solution.linear[1])
    give_width = abs(float(solution.linear_half_width[3] / solution.linear[1]))
    if give_rad < 0.0:  # no spring pushes back: what looks like it is the effort's own delay
        give_rad, solution = 0.0, _solved(commands, measured, start, None)
    play_rad = max(0.0, -2 * float(solution.linear[2] / solution.linear[1]))
    play_width = abs(2 * float(solution.linear_half_width[2] / solution.linear[1]))
    return Play(
        play_rad=Estimate(value=play_rad, half_width=play_width),
        give_rad=Estimate(value=give_rad, half_width=give_width),
        lag_s=Estimate(value=float(solution.nonlinear[0]), half_width=float(solution.nonlinear_half_width[0])),
        loop_rad=play_rad + 2 * give_rad * max(0.0, dry_ratio),
    )


def _solved(commands: Signal, measured: Signal, start: Array, effort_ratio: Array | None) -> Solution:
    """Return the fit, the width of the play at each turn found step by step."""
    solution = solve(
        _columns_of(commands, WIDTH_MIN_RAD, measured.t_s, effort_ratio), measured, start, sigma_min=SIGMA_MIN_RAD
    )
    for _ in range(N_LOOKS):
        width = max(WIDTH_MIN_RAD, -2 * float(solution.linear[2] / solution.linear[1]))
        columns = _columns_of(commands, width, measured.t_s, effort_ratio)
        solution = solve(columns, measured, solution.nonlinear, sigma_min=SIGMA_MIN_RAD)
    return solution


def _columns_of(
    commands: Signal, width: float, t_measured_s: Array, effort_ratio: Array | None
) -> Callable[[Array], Columns]:
    turned = Signal(t_s=commands.t_s, value=turns(commands.value, width))
    middle = float(np.mean(commands.value))
    bent = [] if effort_ratio is None else [effort_ratio]

    def columns(lag_s: Array) -> Columns:
        t_s = t_measured_s - lag_s[0]
        return np.column_stack([np.ones(len(t_s)), commands.at(t_s) - middle, turned.at(t_s), *bent])

    return columns
