"""Samples of a joint whose friction, play and lag are known."""

from __future__ import annotations

import numpy as np

from calibration.servo.motions import Array, Pace, to_and_fro
from calibration.servo.samples import Samples
from calibration.signals.lag_fit import turns

PERIOD_S = 0.01
TICK_RAD = 2 * np.pi / 4096
LAG_S = 0.03


def motion(
    velocity: float,
    acceleration: float = 15.0,
    *,
    dry: float = 0.1,
    play: float = 0.0,
    give: float = 0.0,
    start_s: float = 0.0,
) -> Samples:
    """Return a joint with friction, play and a spring in it, going to and fro three times, its effort swinging with each order."""
    rng = np.random.default_rng(round(1000 * velocity))
    pace = Pace(velocity_rad_s=velocity, acceleration_rad_s2=acceleration, jerk_rad_s3=2000.0)
    way = np.tile(to_and_fro(0.17, pace, PERIOD_S), 3)
    t_command_s: Array = (start_s + np.arange(len(way)) * PERIOD_S).astype(np.float64)
    t_s: Array = np.sort(np.concatenate([t_command_s + 0.001, t_command_s + rng.uniform(0.0025, 0.0085, len(way))]))
    behind = np.interp(t_s - LAG_S, t_command_s, way - (play / 2 * turns(way, play) if play else 0.0))
    speed = np.interp(t_s - LAG_S, t_command_s, np.gradient(way, PERIOD_S))
    push = np.interp(t_s - LAG_S, t_command_s, np.gradient(np.gradient(way, PERIOD_S), PERIOD_S))
    effort = 0.2 + 0.5 * behind + dry * np.sign(speed) + 0.08 * speed + 0.01 * push
    effort += 0.1 * np.sign(speed) * np.cos(2 * np.pi * (t_s - t_command_s[0]) / PERIOD_S)
    measured = behind - give * effort + rng.normal(0, 2e-4, len(t_s))
    return Samples(
        velocity_rad_s=velocity,
        acceleration_rad_s2=acceleration,
        t_s=t_s,
        t_command_s=t_command_s,
        commanded_rad=way,
        measured_rad=np.asarray(np.round(measured / TICK_RAD) * TICK_RAD, np.float64),
        effort_ratio=effort + rng.normal(0, 0.01, len(t_s)),
    )
