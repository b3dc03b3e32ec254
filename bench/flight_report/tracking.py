"""How well the arm does what it is told: the lag behind its commands, and what is left when the lag is taken out. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.flight_report.series import Column, Rows, Series

_LAG_MAX_S = 0.4
_COARSE_S, _FINE_S = 0.005, 0.0002
_MOVING_RAD_S = 0.05  # slower than this says nothing about lag
_LEAST = 50  # measurements of moving joints; fewer say nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracking:
    """The arm against its commands; NaN where it did not move enough to tell."""

    lag_s: float  # by which the commands fit the measured joints best: an estimate of the actuation latency
    joint_lag_s: tuple[float, ...]
    error_rad: Rows  # (cycle, joint): measured minus commanded at that instant
    left_rad: Rows  # (cycle, joint): measured minus commanded one lag before


def tracking_of(series: Series) -> Tracking:
    """Return how the measured joints follow the commanded ones."""
    n_joints = series.measured_rad.shape[1]
    joint_lag_s = tuple(_lag_s(series, [joint]) for joint in range(n_joints))
    lag_s = _lag_s(series, list(range(n_joints)))
    return Tracking(
        lag_s=lag_s,
        joint_lag_s=joint_lag_s,
        error_rad=_off_rad(series, 0.0),
        left_rad=_off_rad(series, 0.0 if np.isnan(lag_s) else lag_s),
    )


def _lag_s(series: Series, joints: list[int]) -> float:
    """Return the lag with the smallest spread of the difference: a constant one, as of a joint that sags, does not count."""
    moving = [_moving(series, joint) for joint in joints]
    if sum(int(where.sum()) for where in moving) < _LEAST:
        return float("nan")
    best_s = _best(series, joints, moving, np.arange(0.0, _LAG_MAX_S, _COARSE_S))
    around_s = np.arange(max(best_s - _COARSE_S, 0.0), best_s + _COARSE_S, _FINE_S)
    return _best(series, joints, moving, around_s)


def _best(series: Series, joints: list[int], moving: list[NDArray[np.bool_]], lags_s: Column) -> float:
    spreads = [
        sum(
            float(np.nanvar(_off_joint_rad(series, joint, float(lag_s))[where])) * int(where.sum())
            for joint, where in zip(joints, moving, strict=True)
            if where.any()
        )
        for lag_s in lags_s
    ]
    return float(lags_s[int(np.argmin(spreads))])


def _moving(series: Series, joint: int) -> NDArray[np.bool_]:
    """Return where the joint is measured, was commanded all through the longest lag, and moves."""
    t_s = series.since_start_s(series.t_measured_ns)
    sent_s = series.t_s[series.sent]
    if len(sent_s) < 2:
        return np.zeros(len(t_s), np.bool_)
    inside = (t_s >= sent_s[0] + _LAG_MAX_S) & (t_s <= sent_s[-1])
    speed_rad_s = np.abs(np.gradient(_commanded_rad(series, joint, t_s), series.period_ns * 1e-9))
    return inside & (series.t_measured_ns > 0) & (speed_rad_s > _MOVING_RAD_S)


def _off_rad(series: Series, lag_s: float) -> Rows:
    n_joints = series.measured_rad.shape[1]
    return np.stack([_off_joint_rad(series, joint, lag_s) for joint in range(n_joints)], axis=1)


def _off_joint_rad(series: Series, joint: int, lag_s: float) -> Column:
    t_s = series.since_start_s(series.t_measured_ns)
    return series.measured_rad[:, joint] - _commanded_rad(series, joint, t_s - lag_s)


def _commanded_rad(series: Series, joint: int, t_s: Column) -> Column:
    """Return where the joint was told to be at some times: linear between commands, NaN before the first."""
    sent = series.sent
    if not sent.any():
        return np.full(len(t_s), np.nan)
    return np.interp(t_s, series.t_s[sent], series.commanded_rad[sent, joint], left=np.nan)
