"""Where the table is, without a camera that measures depth."""

import cv2
import numpy as np
import pytest

from calibration.board.board import BoardSpec, board_picture
from calibration.geometry.transforms import rotation_about, transform
from calibration.view.table import plane_below_base, plane_of_board
from interfaces.errors import RefusedError
from runtime.policy.view.pinhole import Pinhole


def test_the_plane_below_the_arms_foot() -> None:
    down = transform(rotation_about(np.array([np.pi - 0.5, 0.0, 0.0])), np.array([0.1, 0.2, 0.4]))
    plane = plane_below_base(down)
    assert plane.distance_m == pytest.approx(0.4)
    assert np.allclose(down[:3, :3] @ plane.normal, [0.0, 0.0, 1.0])
    with pytest.raises(RefusedError, match="-400 mm above"):
        plane_below_base(transform(down[:3, :3], np.array([0.1, 0.2, -0.4])))


def test_the_plane_of_a_board_on_the_table(pinhole: Pinhole) -> None:
    spec = BoardSpec(squares_x=5, squares_y=4, square_m=0.05, marker_m=0.037)
    flat = cv2.copyMakeBorder(board_picture(spec, 40), 20, 20, 60, 60, cv2.BORDER_CONSTANT, value=(255.0,))
    flat = cv2.GaussianBlur(flat, (0, 0), 1.0)  # as a lens does
    rgb = np.repeat(np.asarray(flat, np.uint8)[:, :, None], 3, axis=2)  # (200, 320): 0.05 m are 40 px at 0.325 m
    plane = plane_of_board(rgb, spec, pinhole.intrinsics)
    assert plane is not None
    assert plane.distance_m == pytest.approx(0.325, abs=0.005)
    assert plane.normal[2] == pytest.approx(-1.0, abs=0.01)
    assert plane_of_board(np.full((200, 320, 3), 99, np.uint8), spec, pinhole.intrinsics) is None
