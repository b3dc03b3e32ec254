"""What counts as shown, what is missing, and which view is new."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from calibration.board.board import BoardCorners
from calibration.board.pose import pose_of_board
from calibration.camera.coverage import LEANS, VIEWS_MAX, Coverage
from calibration.camera.screen import coverage_screen
from calibration.geometry.transforms import rotation_about, transform
from interfaces.device_facts import CameraIntrinsics

Shown = Callable[[CameraIntrinsics, int, float, np.random.Generator], list[BoardCorners]]


def _text(coverage: Coverage) -> str:
    from rich.console import Console

    console = Console(width=120)
    with console.capture() as capture:
        console.print(coverage_screen(coverage, None, "no board in sight"))
    return capture.get()


def test_a_board_shown_all_over_becomes_complete_and_the_same_view_is_not_new(
    shown: Shown, maker: CameraIntrinsics
) -> None:
    coverage = Coverage(maker)
    views = shown(maker, 60, 0.05, np.random.default_rng(1))
    first = coverage.view(views[0], pose_of_board(views[0], maker))
    assert coverage.wants(first)
    coverage.add(first)
    assert not coverage.wants(first)
    for corners in views[1:]:
        view = coverage.view(corners, pose_of_board(corners, maker))
        if coverage.wants(view) and not coverage.complete:
            coverage.add(view)
    assert coverage.complete
    assert 24 <= len(coverage.views) < VIEWS_MAX
    assert "everything was shown" in _text(coverage)


def test_what_is_missing_is_said(shown: Shown, maker: CameraIntrinsics) -> None:
    coverage = Coverage(maker)
    assert coverage.share == 0.0
    for corners in shown(maker, 40, 0.05, np.random.default_rng(2)):
        if corners.pixels[:, 0].max() < 0.6 * maker.width_px:  # never at the right
            coverage.add(coverage.view(corners, pose_of_board(corners, maker)))
    missing = [need for need in coverage.needs() if not need.met]
    assert missing[0].name == "picture covered"
    assert "right of the picture" in missing[0].advice
    assert missing[0].advice in _text(coverage)
    assert not coverage.complete


@pytest.mark.parametrize(
    ("axis", "lean"),
    [((-1, 0), "top away"), ((1, 0), "bottom away"), ((0, 1), "left side away"), ((0, -1), "right side away")],
)
def test_leans_are_called_as_the_picture_shows_them(
    axis: tuple[int, int], lean: str, maker: CameraIntrinsics, shown: Shown
) -> None:
    corners = shown(maker, 1, 0.0, np.random.default_rng(3))[0]
    turn = rotation_about(np.radians(25.0) * np.array([*axis, 0.0]))
    pose = pose_of_board(corners, maker)
    coverage = Coverage(maker)
    for _ in range(2):
        object.__setattr__(pose, "camera_from_board", transform(turn, np.array([0.0, 0.0, 0.5])))
        coverage.add(coverage.view(corners, pose))
    depth = {  # of two opposite edges, as that pose has them
        "top away": turn[2, 1] < 0, "bottom away": turn[2, 1] > 0,
        "left side away": turn[2, 0] < 0, "right side away": turn[2, 0] > 0,
    }  # fmt: skip
    assert depth[lean]
    assert coverage.n_leaning() == tuple(2 if name == lean else 0 for name in LEANS)


def test_few_corners_are_no_view(shown: Shown, maker: CameraIntrinsics) -> None:
    corners = shown(maker, 1, 0.0, np.random.default_rng(4))[0]
    few = BoardCorners(ids=corners.ids[:10], pixels=corners.pixels[:10], points_m=corners.points_m[:10])
    coverage = Coverage(maker)
    assert not coverage.wants(coverage.view(few, pose_of_board(few, maker)))


def test_what_was_never_shown_fails_a_check(shown: Shown, maker: CameraIntrinsics) -> None:
    views = shown(maker, 60, 0.05, np.random.default_rng(5))
    well, badly = Coverage(maker), Coverage(maker)
    for corners in views:
        view = well.view(corners, pose_of_board(corners, maker))
        well.add(view)
        if view.camera_from_board[1, 2] < 0.15:  # never with its top away
            badly.add(view)
    assert all(check.passed for check in well.checks())
    assert badly.n_leaning()[0] == 0
    assert [check.name for check in badly.checks() if not check.passed] == ["sides that the board was never leaned to"]
    assert not all(check.passed for check in Coverage(maker).checks())
