"""Corners of several pictures as one, and options that make no sense."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.board.board import BoardCorners
from calibration.hand_eye import program
from calibration.hand_eye.still_pictures import merged
from calibration.session.clock import MonotonicClock
from calibration.session.workplace import Workplace
from calibration.session.yes_operator import YesOperator
from interfaces.errors import RefusedError


def corners(ids: list[int], shift_px: float = 0.0) -> BoardCorners:
    """Return corners at ten times their number, shifted."""
    numbers = np.array(ids, np.int32)
    pixels = np.array([[10.0 * number + shift_px, 0.0] for number in ids])
    points_m = np.array([[0.01 * number] * 3 for number in ids])
    return BoardCorners(ids=numbers, pixels=pixels, points_m=points_m)


def test_corners_that_all_pictures_share_are_averaged() -> None:
    one, other = corners(list(range(8))), corners([9, *range(7, 0, -1)], shift_px=0.4)
    both, wander_px = merged([one, other, None])
    assert both is not None
    np.testing.assert_array_equal(both.ids, range(1, 8))
    np.testing.assert_allclose(both.pixels[:, 0], 10.0 * both.ids + 0.2)
    np.testing.assert_allclose(both.points_m[:, 0], both.ids * 0.01)
    assert wander_px == pytest.approx(0.2)


def test_a_board_seen_in_half_of_the_pictures_is_not_seen() -> None:
    one = corners(list(range(8)))
    assert merged([one, None])[0] is None
    assert merged([one, corners([0, 1, 2, 3, 4, 20, 21])])[0] is None  # five in common


def workplace(folder: Path, known: Any) -> Workplace:
    def refuse(*_: object) -> Any:
        raise AssertionError("no device is opened here")

    return Workplace(
        robot=known.robot,
        records=folder,
        pictures=folder,
        operator=YesOperator(MonotonicClock(), "tester"),
        clock=MonotonicClock(),
        make_arm=refuse,
        make_camera=refuse,
    )


@pytest.mark.parametrize("options", [["--poses", "3"], ["--joint-sigma-deg", "-1"], ["--joint-sigma-deg", "nan"]])
def test_options_that_make_no_sense_are_refused(tmp_path: Path, make_known: Any, options: list[str]) -> None:
    parser = argparse.ArgumentParser()
    program.add_arguments(parser)
    with pytest.raises(RefusedError, match=options[0]):
        program.run(workplace(tmp_path, make_known("eye_to_hand")), parser.parse_args(options))


def test_a_robot_without_a_chain_is_told_so(tmp_path: Path, make_known: Any) -> None:
    known = make_known("eye_to_hand")
    parser = argparse.ArgumentParser()
    program.add_arguments(parser)
    place = replace(workplace(tmp_path, known), robot=replace(known.robot, chain=None))
    with pytest.raises(RefusedError, match="chain"):
        program.run(place, parser.parse_args([]))
