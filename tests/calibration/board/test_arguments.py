"""What an operator says of the board: measured, asked for, refused."""

from __future__ import annotations

import argparse

import pytest
from typing_extensions import override

from calibration.board.arguments import add_board_arguments, board_of
from calibration.session.clock import MonotonicClock
from calibration.session.yes_operator import YesOperator
from interfaces.errors import RefusedError


class _Person(YesOperator):
    """Answers every question alike, or as ENTER would."""

    def __init__(self, *, answer: bool | None) -> None:
        super().__init__(MonotonicClock(), "tester")
        self._answer = answer
        self.asked: list[str] = []

    @override
    def confirm(self, step: str, question: str, *, default: bool) -> bool:
        assert step == "square-size"
        self.asked.append(question)
        return default if self._answer is None else self._answer


def _parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_board_arguments(parser)
    return parser.parse_args(words)


def test_a_measured_square_is_not_asked_for_and_its_markers_scale_with_it() -> None:
    person = _Person(answer=False)
    spec = board_of(_parsed("--square-mm", "29.7"), person)
    assert not person.asked
    assert spec.square_m == pytest.approx(0.0297)
    assert spec.marker_m / spec.square_m == pytest.approx(22 / 30)


def test_nobody_said_what_a_square_measures_so_it_is_asked() -> None:
    person = _Person(answer=None)
    spec = board_of(_parsed("--squares", "12x8"), person)
    assert "12 squares in a row are 360.0 mm" in person.asked[0]
    assert (spec.squares_x, spec.squares_y) == (12, 8)
    with pytest.raises(RefusedError, match="measure 9 squares in a row"):
        board_of(_parsed(), _Person(answer=False))


@pytest.mark.parametrize("words", [("--squares", "9"), ("--squares", "2x9"), ("--squares", "20x20")])
def test_what_no_board_has_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(argparse.ArgumentError, match="expected"):
        _parsed(*words)


def test_a_square_in_metres_is_refused() -> None:
    with pytest.raises(RefusedError, match="expected 5 to 200"):
        board_of(_parsed("--square-mm", "0.03"), _Person(answer=None))
