"""Finding the board: in pictures that a homography of its own picture makes, with fingers and glare on it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.board.board import BoardCorners, BoardFinder, BoardSpec, board_picture
from interfaces.messages import Rgb

SPEC = BoardSpec()
PX_PER_SQUARE = 120
FINE = 3  # rays a pixel, across and down
SIZE_PX = (960, 540)


def _view(corners_px: list[list[float]]) -> NDArray[np.float64]:
    """Return the homography from the board's metres to pixels that puts its outer corners there, clockwise from its origin."""
    width_m, height_m = SPEC.size_m
    outer_m = np.array([[0, 0], [width_m, 0], [width_m, height_m], [0, height_m]], np.float32)
    return np.asarray(cv2.getPerspectiveTransform(outer_m, np.array(corners_px, np.float32)), np.float64)


TILTED = _view([[190.3, 120.6], [760.2, 60.1], [820.7, 500.4], [150.8, 430.9]])


def _grey(view: NDArray[np.float64], rng: np.random.Generator, *, noise: float, blur_px: float) -> NDArray[np.float32]:
    paper = np.pad(board_picture(SPEC, PX_PER_SQUARE), PX_PER_SQUARE // 2, constant_values=255)
    paper = (30 + paper * (190 / 255)).astype(np.float32)
    # Pixel centres are whole numbers: in the paper's picture, in the photograph, and in the finer one it is averaged from.
    to_m = np.diag([SPEC.square_m / PX_PER_SQUARE] * 2 + [1.0]) @ _moved(0.5 - PX_PER_SQUARE // 2)
    to_fine = _moved(-0.5) @ np.diag([FINE, FINE, 1.0]) @ _moved(0.5)
    fine_size = SIZE_PX[0] * FINE, SIZE_PX[1] * FINE
    fine = cv2.warpPerspective(paper, to_fine @ view @ to_m, fine_size, flags=cv2.INTER_AREA, borderValue=(110.0,))
    grey = cv2.GaussianBlur(cv2.resize(fine, SIZE_PX, interpolation=cv2.INTER_AREA), (0, 0), blur_px)
    return np.asarray(grey + rng.normal(0.0, noise, grey.shape), np.float32)


def _moved(by: float) -> NDArray[np.float64]:
    return np.array([[1.0, 0.0, by], [0.0, 1.0, by], [0.0, 0.0, 1.0]])


def _rgb(grey: NDArray[np.float32]) -> Rgb:
    return np.repeat(np.clip(np.rint(grey), 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def _errors_px(found: BoardCorners | None, view: NDArray[np.float64]) -> NDArray[np.float64]:
    assert found is not None
    true = cv2.perspectiveTransform(found.points_m[:, None, :2], view).reshape(-1, 2)
    return found.pixels - np.asarray(true, np.float64)


@pytest.mark.parametrize(
    ("noise", "blur_px", "rms_max_px"), [(0.0, 0.5, 0.02), (2.0, 0.7, 0.025), (2.0, 1.4, 0.03), (6.0, 1.0, 0.05)]
)
def test_corners_are_found_to_hundredths_of_a_pixel(noise: float, blur_px: float, rms_max_px: float) -> None:
    errors = _errors_px(
        BoardFinder(SPEC).find(_rgb(_grey(TILTED, np.random.default_rng(1), noise=noise, blur_px=blur_px))), TILTED
    )
    assert len(errors) == SPEC.n_corners
    assert np.sqrt((errors**2).sum(axis=1).mean()) < rms_max_px
    assert np.abs(errors.mean(axis=0)).max() < 0.01


def test_corners_under_a_finger_or_in_glare_are_left_out_and_those_beside_are_right() -> None:
    grey = _grey(TILTED, np.random.default_rng(2), noise=2.0, blur_px=0.7)
    columns, rows = np.meshgrid(np.arange(SIZE_PX[0]), np.arange(SIZE_PX[1]))
    glare = 400.0 * np.exp(-((columns - 600.0) ** 2 + (rows - 330.0) ** 2) / (2 * 45.0**2))
    grey = grey + glare.astype(np.float32)
    cv2.line(grey, (230, 560), (300, 330), (150.0,), thickness=40)  # a finger
    errors = _errors_px(BoardFinder(SPEC).find(_rgb(grey)), TILTED)
    assert 20 <= len(errors) < SPEC.n_corners
    assert np.linalg.norm(errors, axis=1).max() < 0.3  # a reflection's soft edge moves what is beside it
    assert np.percentile(np.linalg.norm(errors, axis=1), 90) < 0.1


def test_a_blurred_or_dark_board_gives_no_corners_rather_than_wrong_ones() -> None:
    grey = _grey(TILTED, np.random.default_rng(3), noise=2.0, blur_px=0.7)
    for worse in (cv2.GaussianBlur(grey, (0, 0), 9.0), 20.0 + 0.04 * grey):
        assert BoardFinder(SPEC).find(_rgb(np.asarray(worse, np.float32))) is None


def test_half_a_board_at_the_edge_of_the_picture_is_found() -> None:
    view = _view([[560.3, 120.6], [1160.2, 60.1], [1220.7, 500.4], [520.8, 430.9]])
    errors = _errors_px(
        BoardFinder(SPEC).find(_rgb(_grey(view, np.random.default_rng(4), noise=2.0, blur_px=0.7))), view
    )
    assert len(errors) >= 22  # of the 24 that are in the picture
    assert np.linalg.norm(errors, axis=1).max() < 0.1


def test_an_empty_table_has_no_board() -> None:
    rng = np.random.default_rng(5)
    assert BoardFinder(SPEC).find(_rgb(np.asarray(rng.normal(120, 20, SIZE_PX[::-1]), np.float32))) is None
