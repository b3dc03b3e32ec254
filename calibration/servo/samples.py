"""What one joint was told and what it did, sample by sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calibration.servo.motions import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """One motion of one joint; every array (sample,)."""

    velocity_rad_s: float  # asked for, at its greatest
    acceleration_rad_s2: float
    t_s: Array  # measured
    t_command_s: Array
    commanded_rad: Array  # at t_command_s
    measured_rad: Array  # at t_s
    effort_ratio: Array  # at t_s

    def speed_rad_s(self) -> Array:
        """Return the speed commanded at each command (sample,)."""
        return np.gradient(self.commanded_rad, self.t_command_s)


def joined(runs: Sequence[Samples]) -> Samples:
    """Return several motions as one, in the order of time."""
    return Samples(
        velocity_rad_s=max(run.velocity_rad_s for run in runs),
        acceleration_rad_s2=max(run.acceleration_rad_s2 for run in runs),
        t_s=np.concatenate([run.t_s for run in runs]),
        t_command_s=np.concatenate([run.t_command_s for run in runs]),
        commanded_rad=np.concatenate([run.commanded_rad for run in runs]),
        measured_rad=np.concatenate([run.measured_rad for run in runs]),
        effort_ratio=np.concatenate([run.effort_ratio for run in runs]),
    )
