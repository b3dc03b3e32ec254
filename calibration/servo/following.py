"""How well a joint follows at speed, and which limits that suggests. Pure.

An arm is late by its lag, and the runtime allows for that; what counts is what is left: a motor at the end of its strength falls
back further the longer it lasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calibration.servo.samples import Samples
from calibration.signals.lag_fit import Signal

ERROR_MAX_RAD = 0.035  # 2 degrees, beside the lag
EFFORT_SHARE = 0.8  # of effort_fault_ratio: the margin
EFFORT_PERCENTILE = 95.0
REACHED_SHARE = 0.9  # of the speed asked for: less, and the gate or the room did not let it


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One speed and acceleration that was tried."""

    velocity_rad_s: float  # commanded, at its greatest
    acceleration_rad_s2: float
    error_rad: float  # largest, the lag in it
    beside_lag_rad: float  # largest, the lag allowed for
    effort_ratio: float  # that it takes, but for 5 % of the time

    def good(self, effort_fault_ratio: float, error_max_rad: float = ERROR_MAX_RAD) -> bool:
        """Return whether the joint follows, with strength to spare."""
        return self.beside_lag_rad <= error_max_rad and self.effort_ratio <= EFFORT_SHARE * effort_fault_ratio


def rung_of(run: Samples, lag_s: float, play_rad: float) -> Rung:
    """Return how one motion went, for a joint that is usually so late and has so much play."""
    commands = Signal(t_s=run.t_command_s, value=run.commanded_rad)
    inside = run.t_s > run.t_s[0] + lag_s
    beside = np.abs(run.measured_rad - commands.at(run.t_s - lag_s))[inside]
    error = np.abs(run.measured_rad - commands.at(run.t_s))
    return Rung(
        velocity_rad_s=float(np.abs(run.speed_rad_s()).max()),
        acceleration_rad_s2=run.acceleration_rad_s2,
        error_rad=float(error.max()),
        beside_lag_rad=max(0.0, float(np.percentile(beside, 99)) - play_rad / 2),
        effort_ratio=float(np.percentile(np.abs(run.effort_ratio), EFFORT_PERCENTILE)),
    )


def best_of(rungs: Sequence[Rung], effort_fault_ratio: float) -> Rung | None:
    """Return the last rung up to which all are good, None where the first is not."""
    best = None
    for rung in rungs:
        if not rung.good(effort_fault_ratio):
            break
        best = rung
    return best
