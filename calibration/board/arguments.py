"""The board as an operator tells of it, the same in every program that uses one: --squares, and --square-mm as measured."""

from __future__ import annotations

import argparse

from calibration.board.board import BoardSpec
from calibration.session.person import Operator
from interfaces.errors import RefusedError

SQUARE_MM = BoardSpec().square_m * 1e3
MARKER_RATIO = BoardSpec().marker_m / BoardSpec().square_m  # a printer that scales, scales both


def add_board_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which board is shown."""
    default = BoardSpec()
    group = parser.add_argument_group("the board, as `forerun calibrate board` printed it")
    group.add_argument(
        "--squares",
        metavar="9x6",
        type=squares,
        default=(default.squares_x, default.squares_y),
        help="how many squares it has, as it says itself (9x6)",
    )
    group.add_argument(
        "--square-mm",
        type=float,
        help=f"side of one square as MEASURED on the paper; not given, it is asked whether it is {SQUARE_MM:g}",
    )


def board_of(arguments: argparse.Namespace, operator: Operator) -> BoardSpec:
    """Return the board; asks ("square-size") where nobody said what its squares measure, and raises RefusedError for a no."""
    columns, rows = arguments.squares
    side_mm: float | None = arguments.square_mm
    if side_mm is None:
        side_mm = SQUARE_MM
        question = f"Did you measure the board: {columns} squares in a row are {columns * side_mm:.1f} mm, one is {side_mm:g} mm?"
        if not operator.confirm("square-size", question, default=True):
            raise RefusedError(
                f"measure {columns} squares in a row and say --square-mm with a {columns}th of it:"
                " every distance is measured with the board, and is wrong by as much as the board's"
            )
    return board_spec(columns, rows, side_mm)


def board_spec(columns: int, rows: int, square_mm: float) -> BoardSpec:
    """Return the board of so many squares of that side; raises RefusedError for sizes that no board has."""
    if not 5.0 <= square_mm <= 200.0:
        raise RefusedError(f"squares of {square_mm:g} mm; expected 5 to 200")
    return BoardSpec(
        squares_x=columns, squares_y=rows, square_m=square_mm * 1e-3, marker_m=square_mm * MARKER_RATIO * 1e-3
    )


def squares(text: str) -> tuple[int, int]:
    """Return columns and rows of "9x6"; raises argparse's error for what is not so, or not on a board."""
    columns, _, rows = text.lower().partition("x")
    if not (columns.isdecimal() and rows.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r}: expected columns and rows: 9x6")
    size = int(columns), int(rows)
    # The dictionary has 100 markers, one for every white square.
    if min(size) < 3 or size[0] * size[1] // 2 > 100:
        raise argparse.ArgumentTypeError(f"{text!r}: expected at least 3x3, and at most 200 squares")
    return size
