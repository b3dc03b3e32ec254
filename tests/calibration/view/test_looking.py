"""What an operator reads who pushes a camera back."""

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from calibration.view.looking import Sighting, lines_of, way_back
from interfaces.calibration_config import CalibrationConfig
from runtime.policy.view.moved_view import Picture, ViewMotion, nothing_known
from runtime.policy.view.pinhole import moved_by

LIMITS = CalibrationConfig(folder="c", require=(), max_age_days=30.0, offsets="record", view="check")
PICTURE = Picture(rgb=np.zeros((4, 4, 3), np.uint8), depth_mm=None)
MOTION = ViewMotion(
    now_from_then=moved_by(np.eye(4), np.array([0.0, np.radians(1.5), 0.0, 0.012, -0.003, 0.0])),
    translation_mm=12.4,
    rotation_deg=1.5,
    translation_sigma_mm=0.3,
    rotation_sigma_deg=0.03,
    n_points=80,
    n_edges=300,
)


def text_of(seen: Sighting) -> str:
    """Return what is shown."""
    console = Console(width=120, file=io.StringIO(), record=True)
    console.print(lines_of(seen, LIMITS))
    return console.export_text()


@pytest.mark.parametrize(
    ("twist", "said"),
    [
        ((0, 0, 0, 0.012, 0, 0), ("push it 12.0 mm right", "")),
        ((0, 0, 0, -0.002, -0.003, 0.004), ("push it 2.0 mm left, 3.0 mm up, 4.0 mm ahead", "")),
        ((0, 0.02, 0, 0, 0, 0), ("", "turn it 1.15° right")),  # the old view lies to the right: look right
        ((0.02, 0, 0, 0, 0, 0), ("", "turn it 1.15° up")),
        ((0, 0, -0.02, 0, 0, 0), ("", "turn it 1.15° anticlockwise")),
    ],
)
def test_the_way_back(twist: tuple[float, ...], said: tuple[str, str]) -> None:
    assert way_back(moved_by(np.eye(4), np.array(twist, np.float64))) == said


def test_a_moved_camera_is_told_how_far_and_which_way() -> None:
    text = text_of(Sighting(picture=PICTURE, motion=MOTION, in_place=False, why_vague=""))
    for part in ("12.4 mm", "1.50°", "12.0 mm right", "3.0 mm up", "1.50° right", "MOVED", "limit 5 mm, 0.5°"):
        assert part in text


def test_a_camera_in_place_and_one_that_sees_nothing() -> None:
    in_place = replace(MOTION, translation_mm=0.4, rotation_deg=0.02)
    text = text_of(Sighting(picture=PICTURE, motion=in_place, in_place=True, why_vague=""))
    assert "in place" in text
    assert "push" not in text
    dark = nothing_known("3 of 80 landmarks are seen again")
    assert "cannot tell: 3 of 80" in text_of(Sighting(picture=PICTURE, motion=dark, in_place=False, why_vague="x"))
