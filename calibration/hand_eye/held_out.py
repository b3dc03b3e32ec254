"""How well the result tells of poses that it was not made from: each picture is foretold from the others, and compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calibration.geometry.transforms import Array, angle_deg
from calibration.hand_eye.estimate import Estimate
from calibration.hand_eye.model import N_PLACES, HandEyeModel
from calibration.hand_eye.refine import Doubts, refine
from calibration.hand_eye.sighting import Sighting, corner_set
from interfaces.device_facts import CameraIntrinsics

N_FOLDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Where the board was foretold to be, less where the picture shows it; each (pose,)."""

    pixels_px: Array  # of the corners, root mean square
    distance_m: Array  # of the board's middle
    turn_deg: Array

    @property
    def summary(self) -> tuple[float, float, float]:
        """Return root mean squares over the poses: px, mm, degrees."""
        rms = [float(np.sqrt(np.mean(values**2))) for values in (self.pixels_px, self.distance_m, self.turn_deg)]
        return rms[0], rms[1] * 1e3, rms[2]


def hold_out(
    model: HandEyeModel,
    sightings: Sequence[Sighting],
    intrinsics: CameraIntrinsics,
    result: Estimate,
    *,
    offset_sigma_rad: float,
) -> HeldOut:
    """Return the errors of foretelling the poses that were kept, a fifth of them at a time."""
    kept = [sightings[k] for k in result.kept]
    doubts = Doubts(pixel_px=result.pixel_px, offset_rad=offset_sigma_rad, spread_rad=result.refined.spread_rad)
    errors = np.empty((len(kept), 3))
    for fold in range(min(N_FOLDS, len(kept))):
        inside = [sighting for k, sighting in enumerate(kept) if k % N_FOLDS != fold]
        refined = refine(model, corner_set(inside, intrinsics), result.refined.guess, doubts)
        for k in range(fold, len(kept), N_FOLDS):
            corners = corner_set([kept[k]], intrinsics)
            pixels = model.predict(corners, refined.guess, np.zeros(N_PLACES + len(refined.guess.offset_rad))).pixels
            foretold = model.camera_from_boards(corners.positions_rad, refined.guess)[0]
            errors[k] = _errors(foretold, kept[k], pixels - corners.pixels)
    return HeldOut(pixels_px=errors[:, 0], distance_m=errors[:, 1], turn_deg=errors[:, 2])


def _errors(foretold: Array, seen: Sighting, off_px: Array) -> tuple[float, float, float]:
    middle = np.append(seen.corners.points_m.mean(axis=0), 1.0)
    apart_m = float(np.linalg.norm(((foretold - seen.camera_from_board) @ middle)[:3]))
    turned_deg = angle_deg(foretold[:3, :3].T @ seen.camera_from_board[:3, :3])
    return float(np.sqrt((off_px**2).sum(axis=1).mean())), apart_m, turned_deg
