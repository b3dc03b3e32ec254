"""From what was recorded to the two delays, and whether they are good enough to act on. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from calibration.latency.command_lag import CommandLag, fit_command_lag
from calibration.latency.picture_motion import PictureMotion, follow_points, motion_of
from calibration.latency.recording import Recording
from calibration.signals.lag_fit import Estimate, LagFit, Signal, fit_lag, smoothed
from interfaces.calibration.record import Check

COMMAND_LAGS_S = (-0.02, 0.3)
PICTURE_LAGS_S = (-0.3, 0.4)
BEND = 3  # degree of the curve from the joint's angle to the picture's motion: perspective
SAMPLING_SHARE = 0.1  # of a period: what the stamps of encoders and orders within it are good to, in the interval too
FEWEST_PICTURES_S = 5.0  # pictures a second that are needed

WIDTH_MAX_MS = 2.0
UNEXPLAINED_MAX_PERCENT = 25.0
SIZE_OFF_MAX_PERCENT = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies:
    """What was found."""

    command: CommandLag
    picture: LagFit
    motion: PictureMotion
    joint: Signal  # rad, smoothed
    command_ms: Estimate  # from an order to the motion it causes
    picture_ms: Estimate  # by how much the stamps are late: positive, the picture was taken earlier than its stamp says


def find_latencies(recording: Recording) -> Latencies:
    """Return both delays; raises NoMotionError where the pictures do not show the motion, ValueError for too few of them."""
    t_s = np.array(recording.t_picture_s)
    duration_s = float(np.ptp(recording.commands.t_s))
    if len(t_s) < FEWEST_PICTURES_S * duration_s:
        raise ValueError(
            f"the camera gave {len(t_s)} pictures in {duration_s:.0f} s; needs {FEWEST_PICTURES_S:.0f} a second"
        )
    joint = smoothed(recording.measured)
    tracks = follow_points(list(recording.pictures))
    height_px = recording.pictures[0].shape[0]
    motion = motion_of(tracks, t_s, joint, lag_range_s=PICTURE_LAGS_S, height_px=height_px)
    command = fit_command_lag(recording.commands, recording.measured, lag_range_s=COMMAND_LAGS_S)
    picture = fit_lag(joint, motion.signal, lag_range_s=PICTURE_LAGS_S, degree=BEND)
    return Latencies(
        command=command,
        picture=picture,
        motion=motion,
        joint=joint,
        command_ms=_in_ms(command.lag_s, recording.period_s),
        picture_ms=_in_ms(picture.lag_s, recording.period_s),
    )


def checks_of(found: Latencies) -> list[Check]:
    """Return what the record is judged by."""
    command_off_ms = _outside_ms(found.command_ms, COMMAND_LAGS_S)
    picture_off_ms = _outside_ms(found.picture_ms, PICTURE_LAGS_S)
    rows = (
        ("command to motion, 95 % interval", found.command_ms.half_width, WIDTH_MAX_MS, "ms"),
        ("stamp of a frame, 95 % interval", found.picture_ms.half_width, WIDTH_MAX_MS, "ms"),
        ("motion not explained by commands", 100 * found.command.unexplained_ratio, UNEXPLAINED_MAX_PERCENT, "%"),
        ("picture not explained by the motion", 100 * found.picture.unexplained_ratio, UNEXPLAINED_MAX_PERCENT, "%"),
        ("size of the motion, off the commanded", 100 * abs(found.command.size_ratio - 1), SIZE_OFF_MAX_PERCENT, "%"),
        ("command to motion, beyond the search", command_off_ms, 0.0, "ms"),
        ("stamp of a frame, beyond the search", picture_off_ms, 0.0, "ms"),
    )
    return [Check(name=name, value=round(value, 4), limit=limit, unit=unit) for name, value, limit, unit in rows]


def _in_ms(lag_s: Estimate, period_s: float) -> Estimate:
    half_width = math.hypot(lag_s.half_width, SAMPLING_SHARE * period_s)
    return replace(lag_s, value=1e3 * lag_s.value, half_width=1e3 * half_width)


def _outside_ms(lag_ms: Estimate, range_s: tuple[float, float]) -> float:
    """Return how far a lag is beyond the ends of its search, less a little: at an end it is not found."""
    low_ms, high_ms = 1e3 * range_s[0] + 5.0, 1e3 * range_s[1] - 5.0
    return max(0.0, low_ms - lag_ms.value, lag_ms.value - high_ms)
