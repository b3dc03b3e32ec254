"""The ChArUco board: its measures, its picture, and its corners in a camera's picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from interfaces.messages import Rgb

DICTIONARY = cv2.aruco.DICT_5X5_100
FEWEST_CORNERS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardSpec:
    """A board; its frame has its origin at a corner of the picture, x to the right, y down, z into the board."""

    squares_x: int = 9
    squares_y: int = 6
    square_m: float = 0.030  # as printed; measure it, printers scale
    marker_m: float = 0.022

    @property
    def size_m(self) -> tuple[float, float]:
        """Return width and height."""
        return self.squares_x * self.square_m, self.squares_y * self.square_m

    @property
    def n_corners(self) -> int:
        """Return how many inner corners it has."""
        return (self.squares_x - 1) * (self.squares_y - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardCorners:
    """What of a board is seen in one picture."""

    ids: NDArray[np.int32]  # (corner,)
    pixels: NDArray[np.float64]  # (corner, 2) column, row
    points_m: NDArray[np.float64]  # (corner, 3) in the board's frame


def charuco(spec: BoardSpec) -> cv2.aruco.CharucoBoard:
    """Return OpenCV's own board."""
    dictionary = cv2.aruco.getPredefinedDictionary(DICTIONARY)
    return cv2.aruco.CharucoBoard((spec.squares_x, spec.squares_y), spec.square_m, spec.marker_m, dictionary)


def board_picture(spec: BoardSpec, px_per_square: int) -> NDArray[np.uint8]:
    """Return the board in grey, (squares_y * px_per_square, squares_x * px_per_square), without a margin."""
    size = (spec.squares_x * px_per_square, spec.squares_y * px_per_square)
    return np.asarray(charuco(spec).generateImage(size), np.uint8)


class BoardFinder:
    """Finds the corners of one board in pictures."""

    def __init__(self, spec: BoardSpec) -> None:
        self.spec = spec
        self._board = charuco(spec)
        self._detector = cv2.aruco.CharucoDetector(self._board)
        self._points_m = np.asarray(self._board.getChessboardCorners(), np.float64)

    def find(self, rgb: Rgb) -> BoardCorners | None:
        """Return the corners seen in a picture, to a fraction of a pixel; None for fewer than six."""
        found: Any = self._detector.detectBoard(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))
        corners, ids = found[:2]  # None where there are none, whatever OpenCV's types say
        if ids is None or len(ids) < FEWEST_CORNERS:
            return None
        flat = np.asarray(ids, np.int32).ravel()
        pixels = np.asarray(corners, np.float64).reshape(-1, 2)
        return BoardCorners(ids=flat, pixels=pixels, points_m=self._points_m[flat])
