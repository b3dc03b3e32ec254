"""The printed board: the same as OpenCV's own, cell for cell, and at the scale it says."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.board.board import BoardFinder, BoardSpec, board_picture
from calibration.board.page import PAPERS_MM, RULER_MM, Page, Rectangle, board_page, square_max_mm
from calibration.board.pdf import POINTS_PER_MM, pdf_of
from interfaces.errors import RefusedError

PX_PER_MM = 8.0


def _in_pdf(data: bytes) -> list[Rectangle]:
    """Return the rectangles that a PDF draws, read back from its content stream."""
    page_height_pt = float(data.split(b"/MediaBox [")[1].split(b"]")[0].split()[3])
    stream = data.split(b"stream\n", 1)[1].split(b"\nendstream")[0].decode("cp1252")
    rectangles: list[Rectangle] = []
    for line in stream.splitlines():
        if line.endswith(" re"):
            x, y, width, height = (float(word) for word in line.split()[:4])
            rectangles.append(
                Rectangle(
                    x_mm=x / POINTS_PER_MM,
                    y_mm=(page_height_pt - y - height) / POINTS_PER_MM,
                    width_mm=width / POINTS_PER_MM,
                    height_mm=height / POINTS_PER_MM,
                )
            )
    return rectangles


def _drawn(rectangles: list[Rectangle], size_mm: tuple[float, float]) -> NDArray[np.uint8]:
    """Return the page as a camera straight above would see it, 8 px to the millimetre, edges smooth."""
    fine = 4
    scale = PX_PER_MM * fine
    picture = np.full((round(size_mm[1] * scale), round(size_mm[0] * scale)), 255, np.uint8)
    for r in rectangles:
        left, top = round(r.x_mm * scale), round(r.y_mm * scale)
        right, bottom = round((r.x_mm + r.width_mm) * scale), round((r.y_mm + r.height_mm) * scale)
        picture[top:bottom, left:right] = 0
    small = cv2.resize(picture, None, fx=1 / fine, fy=1 / fine, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_GRAY2RGB), np.uint8)


@pytest.mark.parametrize("paper", ["a4", "letter"])
def test_the_pdf_read_back_shows_the_board_at_its_scale(paper: str) -> None:
    side_mm = square_max_mm(9, 6, paper)
    spec = BoardSpec(square_m=side_mm * 1e-3, marker_m=side_mm * 22e-3 / 30)
    page = board_page(spec, paper)
    found = BoardFinder(spec).find(_drawn(_in_pdf(pdf_of(page)), page.size_mm))
    assert found is not None
    assert len(found.ids) == spec.n_corners
    page_mm = (found.pixels + 0.5) / PX_PER_MM  # pixel centres at whole numbers
    expected_mm = found.points_m[:, :2] * 1e3 + page.board_mm
    assert np.abs(page_mm - expected_mm).max() < 0.02
    across_mm = np.linalg.norm(page_mm[-1] - page_mm[0])
    assert across_mm == pytest.approx(np.linalg.norm(found.points_m[-1] - found.points_m[0]) * 1e3, rel=2e-5)


def test_every_cell_is_as_in_opencvs_own_picture() -> None:
    spec = BoardSpec()
    page = board_page(spec, "a4")
    px_per_square = round(spec.square_m * 1e3 * PX_PER_MM)
    left, top = (round(side * PX_PER_MM) for side in page.board_mm)
    board = _drawn(list(page.rectangles), page.size_mm)[:, :, 0]
    board = board[top : top + spec.squares_y * px_per_square, left : left + spec.squares_x * px_per_square]
    different = np.abs(board.astype(int) - board_picture(spec, px_per_square)) > 128
    assert board.shape == (1440, 2160)
    assert different.mean() < 0.01  # edges only: a wrong cell would be as wide as 25 pixels
    assert not cv2.erode(different.astype(np.uint8), np.ones((5, 5), np.uint8)).any()


def _ruler(page: Page) -> list[Rectangle]:
    bottom_mm = page.size_mm[1] - page.board_mm[1]
    return [r for r in page.rectangles if r.y_mm > bottom_mm]


def test_the_ruler_is_100_mm_from_edge_to_edge_and_clear_of_board_and_edge() -> None:
    for paper in PAPERS_MM:
        side_mm = square_max_mm(9, 6, paper)
        page = board_page(BoardSpec(square_m=side_mm * 1e-3, marker_m=side_mm * 0.7e-3), paper)
        ruler = _ruler(page)
        left, right = min(r.x_mm for r in ruler), max(r.x_mm + r.width_mm for r in ruler)
        assert right - left == pytest.approx(RULER_MM)
        assert max(r.y_mm + r.height_mm for r in ruler) < page.size_mm[1] - 5.0
        assert all(line.y_mm - 2.0 >= 5.0 and line.y_mm <= page.size_mm[1] - 5.0 for line in page.lines)


def test_a_board_larger_than_the_paper_is_refused_with_the_size_that_fits() -> None:
    with pytest.raises(RefusedError, match="squares of 30 mm would"):
        board_page(BoardSpec(square_m=0.035, marker_m=0.025), "a4")
