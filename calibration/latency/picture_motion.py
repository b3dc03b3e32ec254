"""What of a picture moves with the joint, and how far it is at each frame: one number a frame, to a fraction of a pixel. Pure.

Corners of the first picture are followed into every other one (Lucas and Kanade, there and back). Those that move as the joint
does, at some delay, are kept; the others are the table, a person, a flicker. Their common way (the first principal component
of their places) is the motion. Nothing need be known of the scene, the lens or the arm; a calibration board in the hand is the
best there is to see, but the arm itself does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.signals.lag_fit import Array, Signal
from interfaces.messages import Rgb

Grey = NDArray[np.uint8]  # (row, column)
Points = NDArray[np.float32]  # (point, 1, column and row)
Tracks = NDArray[np.float32]  # (frame, point, column and row), NaN where a point was lost

WIDTH_MAX_PX = 640  # larger pictures are halved until they are not: memory, and what is followed is steadier
N_POINTS = 300
APART_PX = 5
LOOK_PX = 15  # the window that is compared
THERE_AND_BACK_PX = 0.5  # farther off, a point was lost
KEPT_SHARE = 0.9  # of the frames must show a point
ALIKE_RATIO = 0.8  # correlation of a point's way with the joint's that makes it one of the arm's
COARSE_S = 0.01
FEWEST_POINTS = 6


class NoMotionError(ValueError):
    """The pictures do not show the joint's motion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureMotion:
    """How far what moves with the joint is along its way, frame by frame."""

    signal: Signal  # px of the pictures as they were looked at
    n_points: int
    row_ratio: float  # where in the picture they are, 0 top to 1 bottom: a rolling shutter exposes row after row
    span_px: float  # from one end of the way to the other
    points_px: Array  # (point, 2) column and row in the first picture
    way: Array  # (point, 2) px for one px of the signal


def shrunk(rgb: Rgb) -> Grey:
    """Return a picture in grey, small enough to keep hundreds of."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    while grey.shape[1] > WIDTH_MAX_PX:
        grey = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return np.asarray(grey, np.uint8)


def follow_points(pictures: list[Grey]) -> Tracks:
    """Return where the corners of the first picture are in each (frame, point, 2); raises NoMotionError where it has none."""
    found: Any = cv2.goodFeaturesToTrack(pictures[0], N_POINTS, 0.01, APART_PX)  # None where there are none
    n_found = 0 if found is None else len(found)
    if n_found < FEWEST_POINTS:
        raise NoMotionError(
            f"the camera's picture has {n_found} corners to follow; needs {FEWEST_POINTS}: light, focus?"
        )
    start = np.asarray(found, np.float32).reshape(-1, 1, 2)
    tracks = np.full((len(pictures), n_found, 2), np.nan, np.float32)
    guess = start.copy()
    for k, picture in enumerate(pictures):
        there, seen = _followed(pictures[0], picture, start, guess)
        back, seen_back = _followed(picture, pictures[0], there, start)
        good = seen & seen_back & (np.linalg.norm((back - start)[:, 0], axis=1) < THERE_AND_BACK_PX)
        tracks[k, good] = there[good, 0]
        guess[good] = there[good]  # what is lost is looked for where it was last
    return tracks


def _followed(one: Grey, other: Grey, start: Points, guess: Points) -> tuple[Points, NDArray[np.bool_]]:
    """Return where points of one picture are in the other, and which of them were found."""
    found: Any = cv2.calcOpticalFlowPyrLK(
        one, other, start, guess.copy(), winSize=(LOOK_PX, LOOK_PX), maxLevel=3, flags=cv2.OPTFLOW_USE_INITIAL_FLOW
    )
    return np.asarray(found[0], np.float32), np.asarray(found[1])[:, 0] == 1


def motion_of(
    tracks: Tracks, t_s: Array, joint: Signal, *, lag_range_s: tuple[float, float], height_px: int
) -> PictureMotion:
    """Return the motion of the points that move as the joint does, at whatever delay; raises NoMotionError where none do."""
    seen = np.isfinite(tracks[:, :, 0])
    kept = np.flatnonzero(seen.mean(axis=0) >= KEPT_SHARE)
    ways = _whole(tracks[:, kept], t_s)
    alike = _alike(ways, t_s, joint, lag_range_s)
    chosen = alike > ALIKE_RATIO
    if int(chosen.sum()) < FEWEST_POINTS:
        best = float(alike.max()) if len(alike) else 0.0
        raise NoMotionError(
            f"{int(chosen.sum())} of {tracks.shape[1]} points in the picture move with the joint (the best correlates {best:.2f},"
            f" needs {ALIKE_RATIO}), {FEWEST_POINTS} are needed: does the camera see what the joint moves?"
        )
    points, ways = kept[chosen], ways[:, chosen]
    flat = ways.reshape(len(ways), -1)
    flat = flat - np.median(flat, axis=0)
    way = _common_way(flat)
    first = tracks[0, points].astype(np.float64)
    value = flat @ way / np.sqrt(len(points))  # as one point moves, on average
    return PictureMotion(
        signal=Signal(t_s=t_s, value=value),
        n_points=len(points),
        row_ratio=float(np.nanmedian(first[:, 1])) / height_px,
        span_px=float(np.ptp(np.percentile(value, [1, 99]))),
        points_px=first,
        way=way.reshape(-1, 2) * np.sqrt(len(points)),
    )


def _whole(tracks: Tracks, t_s: Array) -> Array:
    """Return the tracks with what is missing put in between."""
    ways = tracks.astype(np.float64)
    for point in range(ways.shape[1]):
        lost = ~np.isfinite(ways[:, point, 0])
        if lost.any():
            for axis in range(2):
                ways[lost, point, axis] = np.interp(t_s[lost], t_s[~lost], ways[~lost, point, axis])
    return ways


def _alike(ways: Array, t_s: Array, joint: Signal, lag_range_s: tuple[float, float]) -> Array:
    """Return how well each point's way, along its own direction, correlates with the joint's at the delay that suits all best."""
    flat = ways.reshape(len(ways), -1)
    flat = flat - flat.mean(axis=0)
    sizes = np.square(flat).sum(axis=0).reshape(-1, 2).sum(axis=1) + 1e-9
    best, best_sum = np.zeros(ways.shape[1]), -1.0
    for lag_s in np.arange(*lag_range_s, COARSE_S):
        x = joint.at(t_s - lag_s)
        x = (x - x.mean()) / (np.linalg.norm(x - x.mean()) or 1.0)
        explained = np.square(x @ flat).reshape(-1, 2).sum(axis=1)
        if explained.sum() > best_sum:
            best, best_sum = np.sqrt(explained / sizes), float(explained.sum())
    return best


def _common_way(flat: Array) -> Array:
    """Return the direction (point * 2,) of length 1 along which most of the motion is."""
    return np.linalg.svd(flat, full_matrices=False)[2][0]
