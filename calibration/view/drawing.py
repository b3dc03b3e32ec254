"""Pictures for people: the landmarks that were kept, and how the view moved."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from calibration.view.reference import Reference
from interfaces.messages import Rgb
from runtime.policy.view.landmarks import Landmarks
from runtime.policy.view.moved_view import ViewMotion
from runtime.policy.view.pinhole import Pinhole, transformed

_SCALE = 2  # pictures are drawn larger, for lines to be thin
_EDGE, _POINT, _ARROW = (230, 40, 40), (30, 220, 60), (255, 160, 0)
_ARROWS_MAX = 60


def draw_landmarks(reference: Reference) -> Rgb:
    """Return the reference picture with its landmarks: points in green, edges in red; dark is what moves, and is not used."""
    rgb = reference.picture.rgb.copy()
    rgb[~reference.static] //= 2
    large = _enlarged(rgb)
    for pixel in reference.landmarks.edge_px:
        cv2.circle(large, _at(pixel), 1, _EDGE, -1, cv2.LINE_AA)
    for pixel in reference.landmarks.point_px:
        cv2.circle(large, _at(pixel), 4, _POINT, 1, cv2.LINE_AA)
    return large


def draw_motion(rgb: Rgb, landmarks: Landmarks, motion: ViewMotion, pinhole: Pinhole) -> Rgb:
    """Return the present picture with arrows from where landmarks were to where they are now, and the motion in words."""
    large = _enlarged(rgb)
    if not motion.cannot_tell:
        points_m = np.vstack([landmarks.point_m, landmarks.edge_m])
        before = np.vstack([landmarks.point_px, landmarks.edge_px])
        after = pinhole.project(transformed(motion.now_from_then, points_m))
        for index in np.linspace(0, len(before) - 1, min(_ARROWS_MAX, len(before))).astype(int):
            cv2.arrowedLine(large, _at(before[index]), _at(after[index]), _ARROW, 1, cv2.LINE_AA, 0, 0.25)
    # OpenCV's letters have no degree sign.
    text = "cannot tell" if motion.cannot_tell else f"{motion.translation_mm:.1f} mm  {motion.rotation_deg:.2f} deg"
    for colour, thickness in (((0, 0, 0), 4), ((255, 255, 255), 1)):
        cv2.putText(large, text, (10, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.7, colour, thickness, cv2.LINE_AA)
    return large


def save_picture(rgb: Rgb, path: Path) -> Path:
    """Write a PNG, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), rgb[:, :, ::-1])
    return path


def _enlarged(rgb: Rgb) -> Rgb:
    return np.repeat(np.repeat(rgb, _SCALE, axis=0), _SCALE, axis=1)


def _at(pixel: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[int, int]:
    return round(float(pixel[0]) * _SCALE), round(float(pixel[1]) * _SCALE)
