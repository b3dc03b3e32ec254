"""Make a PDF of the ChArUco board that cameras are calibrated with: exact on paper, with a ruler to check the printer.

Print it at 100 %, measure it, and tell the other programs what you measured (--square-mm).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from calibration.board.arguments import board_spec, squares
from calibration.board.board import BoardSpec
from calibration.board.page import PAPERS_MM, board_page, square_max_mm
from calibration.board.pdf import pdf_of
from interfaces.errors import RefusedError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    default = BoardSpec()
    parser.add_argument("pdf", type=Path, help="file to write: board.pdf")
    parser.add_argument("--paper", choices=list(PAPERS_MM), default="a4", help="(a4)")
    parser.add_argument(
        "--squares",
        metavar="9x6",
        type=squares,
        default=(default.squares_x, default.squares_y),
        help="columns and rows (9x6)",
    )
    parser.add_argument(
        "--square-mm", type=float, help="side of one square; default the largest that fits, in whole mm"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the PDF; raises RefusedError where the board does not fit, or the file cannot be written."""
    columns, rows = arguments.squares
    square_mm = arguments.square_mm or square_max_mm(columns, rows, arguments.paper)
    page = board_page(board_spec(columns, rows, square_mm), arguments.paper)
    try:
        arguments.pdf.write_bytes(pdf_of(page))
    except OSError as error:
        raise RefusedError(f"{arguments.pdf} cannot be written: {error.strerror}") from error
    Console().print(
        f"{arguments.pdf}: {columns}x{rows} squares of {square_mm:g} mm on {arguments.paper}.\n"
        f'Print it at 100 % ("actual size"), glue it on something flat and stiff, measure {columns} squares in a row, and tell\n'
        f"the programs that use it: --squares {columns}x{rows} --square-mm {square_mm:g} (a {columns}th of what you measured).",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    return 0
