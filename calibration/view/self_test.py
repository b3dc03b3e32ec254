"""The view check tried on its own reference before it is relied on: pictures as if the camera had moved a little, or not at all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from calibration.view.reference import Reference
from interfaces.calibration.record import Check
from interfaces.calibration_config import CalibrationConfig
from interfaces.messages import Frame
from runtime.policy.view.moved_view import Picture, ViewMotion, how_moved
from runtime.policy.view.pinhole import Array, Pinhole, transformed
from runtime.policy.view.table_plane import TablePlane
from runtime.policy.view.verdict import moved, too_vague

N_TRIALS = 20  # of each kind
_GAIN, _SHADE = 0.15, 12.0  # light and colours of another day, per colour
_PARALLAX_ROUNDS = 3
_WRONG_MAX_PERCENT = 5.0
_VAGUE_RATIO = 0.7  # of the limit: what is left is for the motion itself


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """What came of it."""

    missed: int  # motions at the limit that were not flagged
    false: int  # unmoved, and flagged or not to be judged
    trials: int  # of each
    unmoved: ViewMotion  # of the reference itself

    def checks(self, config: CalibrationConfig) -> tuple[Check, ...]:
        """Return what the record is judged by."""
        per_cent = 100.0 / self.trials
        return (
            Check(
                name="shift known within (2 sigma)",
                value=2.0 * self.unmoved.translation_sigma_mm,
                limit=_VAGUE_RATIO * config.view_moved_max_mm,
                unit="mm",
            ),
            Check(
                name="turn known within (2 sigma)",
                value=2.0 * self.unmoved.rotation_sigma_deg,
                limit=_VAGUE_RATIO * config.view_moved_max_deg,
                unit="deg",
            ),
            Check(name="tried: moved, not noticed", value=self.missed * per_cent, limit=_WRONG_MAX_PERCENT, unit="%"),
            Check(name="tried: unmoved, refused", value=self.false * per_cent, limit=_WRONG_MAX_PERCENT, unit="%"),
        )


def self_test(
    reference: Reference, pinhole: Pinhole, config: CalibrationConfig, noise: float, seed: int = 0
) -> SelfTest:
    """Return how the check does on the reference moved by exactly the limits (each alone in turn), and unmoved.

    `noise` is the sigma of the pictures in grey levels.
    """
    rng = np.random.default_rng((seed, 41))
    still = how_moved(reference.picture, reference.landmarks, pinhole)
    missed = false = 0
    for trial in range(N_TRIALS):
        shift_mm, turn_deg = (config.view_moved_max_mm, 0.0) if trial % 2 else (0.0, config.view_moved_max_deg)
        then_from_now = _pose(_direction(rng) * shift_mm * 1e-3, np.radians(_direction(rng) * turn_deg))
        there = otherwise_lit(seen_from(reference, then_from_now, pinhole), noise, rng)
        motion = how_moved(there, reference.landmarks, pinhole)
        missed += not (moved(motion, config) and not too_vague(motion, config))
        here = how_moved(otherwise_lit(reference.picture, noise, rng), reference.landmarks, pinhole)
        false += bool(too_vague(here, config)) or moved(here, config)
    return SelfTest(missed=missed, false=false, trials=N_TRIALS, unmoved=still)


def seen_from(reference: Reference, then_from_now: Array, pinhole: Pinhole) -> Picture:
    """Return the reference picture as if taken from a pose (4, 4) near its own; what has no depth counts as on the table."""
    now_from_then: Array = np.linalg.inv(then_from_now).astype(np.float64)
    picture, plane = reference.picture, reference.landmarks.plane
    normal = now_from_then[:3, :3] @ plane.normal
    now = TablePlane(normal=normal, distance_m=plane.distance_m - float(normal @ now_from_then[:3, 3]))
    grid = pinhole.grid()
    # Where each pixel looks was seen there then, if it looks at the table ...
    source = pinhole.project(transformed(then_from_now, _somewhere(now.points_on(pinhole.rays(grid)))))
    for _ in range(_PARALLAX_ROUNDS if picture.depth_mm is not None else 0):
        # ... and elsewhere by its depth: where what is seen there then comes to lie now, compared with where it should.
        points_m = _seen_then(source, picture, plane, pinhole)
        source += grid - pinhole.project(transformed(now_from_then, points_m))
    shape = (*picture.rgb.shape[:2], 2)
    columns, rows = np.moveaxis(source.reshape(shape).astype(np.float32), 2, 0)
    rgb = cv2.remap(picture.rgb, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    depth_mm = None
    if picture.depth_mm is not None:
        depth_m = transformed(now_from_then, _seen_then(source, picture, plane, pinhole))[:, 2]
        depth_mm = np.clip(np.rint(depth_m * 1e3), 0, 65535).astype(np.uint16).reshape(shape[:2])
    return Picture(rgb=np.asarray(rgb, np.uint8), depth_mm=depth_mm)


def _seen_then(pixels: Array, picture: Picture, plane: TablePlane, pinhole: Pinhole) -> Array:
    """Return what is seen at pixels (height * width, 2) of the reference, in space."""
    rays = pinhole.rays(pixels)
    assert picture.depth_mm is not None
    maps = pixels.reshape(*picture.depth_mm.shape, 2).astype(np.float32)
    depth: Any = cv2.remap(picture.depth_mm, maps, np.empty(0), cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    depth_m = np.asarray(depth, np.float64).reshape(-1, 1) * 1e-3
    return np.where(depth_m > 0, depth_m * rays, _somewhere(plane.points_on(rays)))


def _somewhere(points_m: Array) -> Array:
    """Return points (k, 3), those above the horizon far ahead."""
    return np.where(np.isfinite(points_m), points_m, np.array([0.0, 0.0, 10.0]))


def otherwise_lit(picture: Picture, noise: float, rng: np.random.Generator) -> Picture:
    """Return the picture in another light, with noise."""
    gain = 1.0 + rng.uniform(-_GAIN, _GAIN) + rng.uniform(-0.04, 0.04, 3)
    shaded = picture.rgb * gain + rng.uniform(-_SHADE, _SHADE)
    shaded += noise * rng.standard_normal(picture.rgb.shape)
    return replace(picture, rgb=np.clip(np.rint(shaded), 0, 255).astype(np.uint8))


def noise_of(frames: tuple[Frame, ...]) -> float:
    """Return the sigma of the noise of one frame (grey levels), from frames of a camera that stands; at least half a level."""
    stack = np.array([frame.rgb for frame in frames], np.float32)
    return max(0.5, float(np.median(stack.std(axis=0, ddof=1)))) if len(stack) > 1 else 2.0


def _direction(rng: np.random.Generator) -> Array:
    vector = rng.standard_normal(3)
    return vector / np.linalg.norm(vector)


def _pose(shift_m: Array, turn_rad: Array) -> Array:
    pose = np.eye(4)
    pose[:3, :3] = np.asarray(cv2.Rodrigues(turn_rad)[0], np.float64)
    pose[:3, 3] = shift_m
    return pose
