"""From sightings to where the camera stands: first guess, refinement, and poses that do not belong left out.

Left out is a picture that the joints cannot explain: the board had slipped in the hand, the arm was pushed, the corners are wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from calibration.hand_eye.closed_form import first_guess
from calibration.hand_eye.model import N_PLACES, Guess, HandEyeModel
from calibration.hand_eye.refine import PIXEL_NOISE_MIN_PX, Doubts, Refined, Weights, refine
from calibration.hand_eye.sighting import CornerSet, Sighting, corner_set
from calibration.hand_eye.space import PoseFlags
from interfaces.device_facts import CameraIntrinsics

OUTLYING = 4.0  # times as far off as poses typically are, and as they should be
SPREAD_FIRST_RAD = np.radians(0.1)  # of joints from pose to pose, as long as poses that do not belong may be among them
N_REJECTIONS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The result, and which sightings it is made from."""

    refined: Refined
    first: Guess  # where refinement began
    kept: tuple[int, ...]
    rejected: tuple[int, ...]
    pixel_px: float  # noise of corners, as pictures by themselves show it


def estimate(
    model: HandEyeModel,
    sightings: Sequence[Sighting],
    intrinsics: CameraIntrinsics,
    *,
    offset_sigma_rad: float,
    spread_rad: float | None = None,
) -> Estimate:
    """Return the camera's place; raises RefusedError where poses are too few, or do not turn the hand enough.

    `offset_sigma_rad` is how far joints' zeros are off, 0 where they are exact; `spread_rad` how far joints scatter from pose
    to pose, None where that is to be estimated.
    """
    pixel_px = pixel_noise_px(sightings)
    doubts = Doubts(pixel_px=pixel_px, offset_rad=offset_sigma_rad, spread_rad=spread_rad)
    everything = corner_set(sightings, intrinsics)
    first = first_guess(model, sightings, everything)
    kept = list(range(len(sightings)))
    cautious = doubts if offset_sigma_rad == 0 else replace(doubts, spread_rad=spread_rad or SPREAD_FIRST_RAD)
    refined = refine(model, everything, first, cautious)
    for _ in range(N_REJECTIONS):
        belongs = np.flatnonzero(_belong(model, everything, refined, pixel_px)).tolist()
        if belongs == kept:
            break
        kept = belongs
        refined = refine(model, corner_set([sightings[k] for k in kept], intrinsics), refined.guess, cautious)
    refined = refine(model, corner_set([sightings[k] for k in kept], intrinsics), refined.guess, doubts)
    rejected = tuple(k for k in range(len(sightings)) if k not in kept)
    return Estimate(refined=refined, first=first, kept=tuple(kept), rejected=rejected, pixel_px=pixel_px)


def pixel_noise_px(sightings: Sequence[Sighting]) -> float:
    """Return the noise of one coordinate of a corner: what is left where a picture's own pose is fitted to it (median)."""
    noises = [
        sighting.pose_rms_px * np.sqrt(len(sighting.corners.ids) / max(1, 2 * len(sighting.corners.ids) - 6))
        for sighting in sightings
    ]
    return max(PIXEL_NOISE_MIN_PX, float(np.median(noises)))


def _belong(model: HandEyeModel, corners: CornerSet, refined: Refined, pixel_px: float) -> PoseFlags:
    """Return which poses (pose,) the joints explain; the scale is the poses' own, never all of them are left out."""
    now = model.predict(corners, refined.guess, np.zeros(N_PLACES + len(refined.guess.offset_rad)))
    weights = Weights(corners, now.by_joint, pixel_px, refined.spread_rad)
    off_px = now.pixels - corners.pixels
    by_arm = weights.doubt_by_pose(off_px)
    whitened = weights.whiten(off_px)
    by_corners = np.sqrt(np.bincount(corners.pose, (whitened**2).sum(axis=1)) / (2.0 * np.bincount(corners.pose)))
    return (by_arm <= OUTLYING * max(1.0, float(np.median(by_arm)))) & (
        by_corners <= OUTLYING * max(1.0, float(np.median(by_corners)))
    )
