"""From commands to motion: the delay and the servo's own following, from what an encoder says."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.latency.chirp import amplitude_within, chirp_rad
from calibration.latency.command_lag import CommandLag, fit_command_lag
from calibration.signals.lag_fit import Array, Signal, turns

PERIOD_S = 0.01
TICK_RAD = 2 * np.pi / 4096


def lag_of(
    seed: int, *, delay_s: float, following_s: float, play_rad: float = 0.0, seconds: float = 14.0
) -> CommandLag:
    """Return the fit of a servo that follows stairs `delay_s` late."""
    rng = np.random.default_rng(seed)
    commands = rng.uniform(-1, 1) + chirp_rad(np.radians(4), seconds, 1 / PERIOD_S)
    beats = np.arange(len(commands), dtype=np.float64)
    t_command_s: Array = (beats * PERIOD_S).astype(np.float64)
    step_s = 0.0005
    t_s = np.arange(-0.2, seconds, step_s)
    k = np.clip(np.floor((t_s - delay_s) / PERIOD_S + 1e-9).astype(int), 0, len(commands) - 1)
    stairs = commands[k]
    if play_rad:
        stairs = stairs - play_rad / 2 * turns(stairs, play_rad)
    place, keep, way = stairs[0], np.exp(-step_s / following_s), np.empty(len(stairs))
    for i, stair in enumerate(stairs.tolist()):
        way[i] = place
        place = stair + (place - stair) * keep
    looks_s = (beats + 0.35 + 0.5 * (beats * 0.618 % 1)) * PERIOD_S
    t_measured_s: Array = np.sort(np.concatenate([t_command_s + 0.001, looks_s])).astype(np.float64)
    measured = np.round((np.interp(t_measured_s, t_s, way) + rng.normal(0, 3e-4, len(t_measured_s))) / TICK_RAD)
    return fit_command_lag(
        Signal(t_s=t_command_s, value=commands),
        Signal(t_s=t_measured_s, value=measured * TICK_RAD),
        lag_range_s=(-0.02, 0.3),
    )


@pytest.mark.parametrize(("delay_s", "following_s"), [(0.0, 0.003), (0.004, 0.03), (0.03, 0.05), (0.06, 0.003)])
def test_delay_following_and_half_a_period_add_up(delay_s: float, following_s: float) -> None:
    found = lag_of(1, delay_s=delay_s, following_s=following_s)
    assert found.lag_s.value == pytest.approx(delay_s + following_s + PERIOD_S / 2, abs=0.001)
    assert found.following_s.value == pytest.approx(following_s, abs=max(0.001, found.following_s.half_width))
    assert found.delay_s == pytest.approx(delay_s, abs=0.002)
    assert found.size_ratio == pytest.approx(1.0, abs=0.02)


def test_play_is_not_taken_for_a_delay() -> None:
    found = lag_of(2, delay_s=0.02, following_s=0.03, play_rad=0.015)
    assert found.lag_s.value == pytest.approx(0.055, abs=0.002)
    assert found.play_rad.value == pytest.approx(0.015, abs=0.002)


def test_a_chirp_begins_and_ends_at_rest_in_the_middle() -> None:
    way = chirp_rad(0.07, 10.0, 100.0)
    assert abs(way[[0, -1]]).max() < 1e-6
    assert np.abs(np.diff(way, 3)).max() * 1e6 < 100.0  # rad/s3
    assert way.max() == pytest.approx(0.07, abs=0.001)


@pytest.mark.parametrize(("velocity", "acceleration"), [(0.2, 50.0), (4.0, 1.0), (4.0, 60.0)])
def test_a_chirp_keeps_the_joints_limits(velocity: float, acceleration: float) -> None:
    way = chirp_rad(amplitude_within(0.07, velocity, acceleration), 10.0, 100.0)
    assert np.abs(np.diff(way)).max() * 100 <= velocity
    assert np.abs(np.diff(way, 2)).max() * 1e4 <= acceleration
    assert way.max() <= 0.07
