"""What it costs to keep a joint moving: the same angles passed both ways, at several even speeds. Pure.

At one angle gravity pulls alike both ways, friction against each: half the difference of the efforts is friction, their mean is
gravity. A line over the speeds tells dry friction (its beginning) from what grows with speed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.servo.motions import Array
from calibration.servo.samples import Samples
from calibration.signals.lag_fit import Estimate

N_BINS = 6
EVEN_SHARE = 0.97  # of the greatest speed: slower is a turn
SETTLE_S = 0.08  # after a turn, before efforts count
BINS_MIN, SAMPLES_MIN = 3, 3
N_HARMONICS = 2
LATE_PERIODS, LATE_SHARE = (
    1.5,
    0.01,
)  # orders so far apart are late; more of them than this share, and they are to blame
STEADY_SIGMAS = 2.2  # Student's factor for as many bins


@dataclass(frozen=True, slots=True, kw_only=True)
class Friction:
    """Efforts as a share of the motor's greatest."""

    slow_ratio: Estimate  # to keep moving at `slow_rad_s`, the mean of the speeds: where the line is best known
    slow_rad_s: float
    dry_ratio: Estimate  # where the line begins
    per_speed_ratio: float  # more for every rad/s
    speeds_rad_s: tuple[float, ...]
    at_speed_ratio: tuple[float, ...]
    gravity_ratio: float  # mean over the angles passed


def find_friction(runs: Sequence[Samples]) -> Friction:
    """Return the friction from runs to and fro at even speeds; raises ValueError where they show no even speed both ways."""
    found = [_at_speed(run) for run in runs]
    speeds = np.array([run.velocity_rad_s for run in runs])
    ratios = np.array([friction.value for friction, _ in found])
    width = float(np.sqrt(np.mean([friction.half_width**2 for friction, _ in found]) / len(runs)))
    away = speeds - speeds.mean()
    slope = float(away @ ratios / (away @ away)) if len(runs) > 1 else 0.0
    spread = float(np.sqrt(away @ away / len(runs))) or np.inf
    slow, slow_rad_s = float(ratios.mean()), float(speeds.mean())
    return Friction(
        slow_ratio=Estimate(value=slow, half_width=width),
        slow_rad_s=slow_rad_s,
        dry_ratio=Estimate(
            value=slow - slope * slow_rad_s, half_width=width * float(np.hypot(1.0, slow_rad_s / spread))
        ),
        per_speed_ratio=slope,
        speeds_rad_s=tuple(speeds.tolist()),
        at_speed_ratio=tuple(ratios.tolist()),
        gravity_ratio=float(np.mean([gravity for _, gravity in found])),
    )


def _at_speed(run: Samples) -> tuple[Estimate, float]:
    """Return friction and gravity at one speed."""
    speed = np.interp(run.t_s, run.t_command_s, run.speed_rad_s())
    slow = np.abs(speed) < EVEN_SHARE * run.velocity_rad_s
    t_turn_s = np.maximum.accumulate(np.where(slow, run.t_s, -np.inf))
    even = run.t_s - t_turn_s > SETTLE_S
    if not even.any():
        raise ValueError(_why_uneven(run))
    low, high = np.percentile(run.measured_rad[even], [2, 98]).tolist()
    which = np.floor((run.measured_rad - low) / max(high - low, 1e-9) * N_BINS)
    ways = [even & (speed > 0), even & (speed < 0)]
    up, down = (_by_bin(run, here & (which >= 0) & (which < N_BINS), which) for here in ways)
    passed = np.isfinite(up) & np.isfinite(down)
    if int(passed.sum()) < BINS_MIN:
        raise ValueError(_why_uneven(run))
    differences, means = (up - down)[passed] / 2, (up + down)[passed] / 2
    width = STEADY_SIGMAS * float(np.std(differences)) / float(np.sqrt(len(differences) - 1))
    return Estimate(value=float(np.median(differences)), half_width=width), float(np.mean(means))


def _why_uneven(run: Samples) -> str:
    """Return why no even speed was found both ways: orders that came late make a speed uneven wherever there is room for it."""
    apart_s = np.diff(run.t_command_s)
    late = int((apart_s > LATE_PERIODS * np.median(apart_s)).sum())
    if late > LATE_SHARE * len(apart_s):
        return (
            f"at {run.velocity_rad_s:.2f} rad/s the speed was not even: this computer sent {late} of {len(apart_s)} orders late."
            " Close what else runs on it, and try again"
        )
    return f"at {run.velocity_rad_s:.2f} rad/s there is no room for an even speed both ways: more --degrees"


def _by_bin(run: Samples, here: NDArray[np.bool_], which: Array) -> Array:
    """Return the mean effort in each bin (bin,) of one way; NaN where it was not passed.

    An order is a step of a tick or more, and the push after it is over before the next: the mean over a period is wanted, and
    the samples are not spread evenly over it. So its first harmonics are fitted along.
    """
    k = np.clip(np.searchsorted(run.t_command_s, run.t_s[here], side="right") - 1, 0, None)
    period_s = float(np.median(np.diff(run.t_command_s)))
    phase = 2 * np.pi * (run.t_s[here] - run.t_command_s[k]) / period_s
    bins = np.arange(N_BINS)
    inside = which[here][:, None] == bins
    waves = [wave(n * phase) for n in range(1, N_HARMONICS + 1) for wave in (np.cos, np.sin)]
    columns = np.column_stack([inside, *waves])
    found = np.linalg.lstsq(columns, run.effort_ratio[here], rcond=None)[0][:N_BINS]
    return np.where(inside.sum(axis=0) >= SAMPLES_MIN, found, np.nan)
