"""How far a camera moved is found from pictures, whatever lies about; and where it cannot be found, that is said."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from interfaces.calibration_config import CalibrationConfig
from runtime.policy.view.moved_view import Picture, ViewMotion, how_moved
from runtime.policy.view.pinhole import Array, Pinhole, rotation_angle_deg
from runtime.policy.view.verdict import too_vague

Pushed = Callable[..., Array]
LIMITS = CalibrationConfig(folder="c", require=(), max_age_days=30.0, offsets="record", view="check")
PUSHES = [
    ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
    ((5.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
    ((0.0, -3.0, 4.0), (0.0, 0.0, 0.0)),
    ((0.0, 0.0, 0.0), (0.3, 0.0, 0.4)),
    ((20.0, -15.0, 10.0), (1.5, -2.0, 1.0)),
]


def error_of(motion: ViewMotion, then_from_now: Array) -> tuple[float, float]:
    """Return by how many mm and degrees a motion was found wrongly."""
    assert motion.cannot_tell == ""
    wrong = then_from_now @ motion.now_from_then
    return float(np.linalg.norm(wrong[:3, 3])) * 1e3, rotation_angle_deg(wrong[:3, :3])


@pytest.mark.parametrize("push", PUSHES)
@pytest.mark.parametrize("depth", [True, False])
def test_a_motion_over_a_textured_table_is_found(
    textured: Any, pinhole: Pinhole, pushed: Pushed, push: tuple[Any, Any], *, depth: bool
) -> None:
    then_from_now = pushed(*push)
    seen = textured.see(then_from_now, seed=5)
    motion = how_moved(seen if depth else replace(seen, depth_mm=None), textured.landmarks(depth=depth), pinhole)
    off_mm, off_deg = error_of(motion, then_from_now)
    assert off_mm < 0.5
    assert off_deg < 0.05
    assert motion.n_points > 100


@pytest.mark.parametrize("push", PUSHES)
def test_the_edges_of_a_mat_and_the_tables_depth_are_enough(
    plain: Any, pinhole: Pinhole, pushed: Pushed, push: tuple[Any, Any]
) -> None:
    then_from_now = pushed(*push)
    motion = how_moved(plain.see(then_from_now, seed=6), plain.landmarks(), pinhole)
    off_mm, off_deg = error_of(motion, then_from_now)
    assert off_mm < max(1.5, 2 * motion.translation_sigma_mm)
    assert off_deg < max(0.1, 2 * motion.rotation_sigma_deg)
    assert motion.translation_sigma_mm < 2.5


def test_an_arm_elsewhere_things_moved_and_other_light_change_little(
    textured: Any, pinhole: Pinhole, pushed: Pushed
) -> None:
    then_from_now = pushed((3.0, -4.0, 0.0), (0.0, 0.0, 0.0))
    seen = textured.see(then_from_now, noise=4.0, seed=7)
    rgb = np.clip(seen.rgb * np.array([0.75, 0.8, 0.9]) + 15, 0, 255).astype(np.uint8)
    rgb[:120, 150:260] = (230, 180, 20)  # an arm
    cv2.circle(rgb, (300, 180), 30, (200, 20, 20), -1)
    rgb = np.asarray(cv2.GaussianBlur(rgb, (0, 0), 0.8), np.uint8)
    off_mm, off_deg = error_of(
        how_moved(Picture(rgb=rgb, depth_mm=seen.depth_mm), textured.landmarks(), pinhole), then_from_now
    )
    assert off_mm < 1.0
    assert off_deg < 0.1


@pytest.mark.parametrize("cover", ["grey", "noise", "elsewhere"])
def test_what_shows_another_thing_is_not_guessed_at(textured: Any, plain: Any, pinhole: Pinhole, cover: str) -> None:
    picture: Picture = textured.see()
    rng = np.random.default_rng(8)
    rgb: NDArray[np.uint8] = {
        "grey": np.full_like(picture.rgb, 60),
        "noise": rng.integers(0, 256, picture.rgb.shape).astype(np.uint8),
        "elsewhere": np.ascontiguousarray(picture.rgb[:, ::-1]),  # mirrored: nothing is where it was
    }[cover]
    for table in (textured, plain):
        motion = how_moved(Picture(rgb=rgb, depth_mm=None), table.landmarks(depth=False), pinhole)
        assert too_vague(motion, LIMITS)


def test_a_table_without_anything_on_it_has_no_landmarks_and_nothing_is_told(textured: Any, pinhole: Pinhole) -> None:
    bare = replace(textured, top=np.full_like(textured.top, 150))
    motion = how_moved(bare.see(), bare.landmarks(), pinhole)
    assert "landmarks" in motion.cannot_tell
    assert "cannot tell" in motion.words
