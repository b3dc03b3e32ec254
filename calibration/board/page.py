"""The page that a board is printed on: black rectangles and lines of text, in millimetres from the upper left corner.

the board in the middle; above it what it is, below it a ruler of 100 mm and what to do with both
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from calibration.board.arguments import MARKER_RATIO
from calibration.board.board import BoardSpec, charuco
from interfaces.errors import RefusedError

PAPERS_MM = {"a4": (297.0, 210.0), "letter": (279.4, 215.9), "a3": (420.0, 297.0)}
RULER_MM = 100.0
EDGE_MM = 5.0  # printers leave at least so much of the paper's edge white
BAND_MM = 14.0  # above and below the board: its white border, the text, the ruler
TEXT_MM = 2.7  # height of the letters' em


@dataclass(frozen=True, slots=True, kw_only=True)
class Rectangle:
    """One black rectangle; y runs down."""

    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLine:
    """One line of text; `y_mm` is where the letters stand."""

    x_mm: float
    y_mm: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What is printed."""

    size_mm: tuple[float, float]
    board_mm: tuple[float, float]  # the board's origin, upper left corner
    rectangles: tuple[Rectangle, ...]
    lines: tuple[TextLine, ...]


def board_page(spec: BoardSpec, paper: str) -> Page:
    """Return the page of a board; raises RefusedError for a board that does not fit on the paper."""
    width_mm, height_mm = PAPERS_MM[paper]
    square_mm = spec.square_m * 1e3
    largest_mm = square_max_mm(spec.squares_x, spec.squares_y, paper)
    if square_mm > largest_mm:
        raise RefusedError(
            f"{spec.squares_x}x{spec.squares_y} squares of {square_mm:g} mm do not fit on {paper};"
            f" squares of {largest_mm:g} mm would"
        )
    left_mm = (width_mm - spec.squares_x * square_mm) / 2
    top_mm = (height_mm - spec.squares_y * square_mm) / 2
    bottom_mm = top_mm + spec.squares_y * square_mm
    return Page(
        size_mm=(width_mm, height_mm),
        board_mm=(left_mm, top_mm),
        rectangles=(*_board(spec, left_mm, top_mm), *_ruler(left_mm, bottom_mm + 5.0)),
        lines=_text(spec, left_mm, top_mm, bottom_mm),
    )


def square_max_mm(columns: int, rows: int, paper: str) -> float:
    """Return the largest square, in whole millimetres, with which a board fits on the paper."""
    width_mm, height_mm = PAPERS_MM[paper]
    return float(int(min((width_mm - 2 * EDGE_MM) / columns, (height_mm - 2 * BAND_MM) / rows)))


def _board(spec: BoardSpec, left_mm: float, top_mm: float) -> list[Rectangle]:
    square_mm, margin_mm = spec.square_m * 1e3, (spec.square_m - spec.marker_m) * 0.5e3
    rectangles: list[Rectangle] = []
    board = charuco(spec)
    dictionary: Any = board.getDictionary()
    markers = iter(np.asarray(board.getIds()).ravel().tolist())
    for row in range(spec.squares_y):
        for column in range(spec.squares_x):
            x_mm, y_mm = left_mm + column * square_mm, top_mm + row * square_mm
            if (row + column) % 2 == 0:
                rectangles.append(Rectangle(x_mm=x_mm, y_mm=y_mm, width_mm=square_mm, height_mm=square_mm))
            else:
                bits = dictionary.generateImageMarker(next(markers), dictionary.markerSize + 2) == 0
                rectangles += _marker(bits, x_mm + margin_mm, y_mm + margin_mm, spec.marker_m * 1e3)
    return rectangles


def _marker(black: Any, x_mm: float, y_mm: float, side_mm: float) -> list[Rectangle]:
    """Return a marker's black cells (row, column), neighbours in a row as one rectangle."""
    cell_mm = side_mm / len(black)
    rectangles: list[Rectangle] = []
    for row, cells in enumerate(black):
        edges = np.flatnonzero(np.diff(np.concatenate(([False], cells, [False])).astype(np.int8)))
        for first, end in edges.reshape(-1, 2).tolist():
            rectangles.append(
                Rectangle(
                    x_mm=x_mm + first * cell_mm,
                    y_mm=y_mm + row * cell_mm,
                    width_mm=(end - first) * cell_mm,
                    height_mm=cell_mm,
                )
            )
    return rectangles


def _ruler(x_mm: float, y_mm: float) -> list[Rectangle]:
    """Return a ruler whose outer edges are 100 mm apart: a bar, and a tick every centimetre."""
    bar = Rectangle(x_mm=x_mm, y_mm=y_mm + 3.0, width_mm=RULER_MM, height_mm=0.2)
    ticks: list[Rectangle] = []
    for centimetre in range(11):
        # The first and the last tick end where the ruler does, the others stand in the middle of their mark.
        shift_mm = {0: 0.0, 10: -0.2}.get(centimetre, -0.1)
        height_mm = 3.0 if centimetre % 5 == 0 else 1.8
        ticks.append(
            Rectangle(
                x_mm=x_mm + centimetre * 10.0 + shift_mm, y_mm=y_mm + 3.0 - height_mm, width_mm=0.2, height_mm=height_mm
            )
        )
    return [bar, *ticks]


def _text(spec: BoardSpec, left_mm: float, top_mm: float, bottom_mm: float) -> tuple[TextLine, ...]:
    columns, rows, square_mm = spec.squares_x, spec.squares_y, spec.square_m * 1e3
    head = (
        f"forerun ChArUco board   {columns} x {rows} squares of {square_mm:g} mm   markers {square_mm * MARKER_RATIO:.2f} mm"
        f"   DICT_5X5_100 from 0   origin: this corner, x right, y down"
    )
    beside = (
        f'100 mm. Print at 100 % ("actual size"). Measure {columns} squares in a row, not one: {columns * square_mm:g} mm here.',
        f"Say --squares {columns}x{rows} --square-mm with a {columns}th of what you measured.",
        "Glue it on something flat and stiff; no lamination, it shines.",
    )
    x_mm, y_mm = left_mm + RULER_MM + 4.0, bottom_mm + 3.8
    below = (TextLine(x_mm=x_mm, y_mm=y_mm + k * 3.1, text=text) for k, text in enumerate(beside))
    return (TextLine(x_mm=left_mm, y_mm=top_mm - 5.0, text=head), *below)
