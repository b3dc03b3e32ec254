"""The ChArUco board: its measures, its picture, and its corners in a camera's picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.board.corner_fit import fit_corners
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
        parameters = cv2.aruco.CharucoParameters()
        # One marker beside a corner is enough to look there: whether it is one, the fit tells. Two would lose the board's outer
        # corners wherever a finger, or the edge of the picture, hides a marker.
        parameters.minMarkers = 1
        self._detector = cv2.aruco.CharucoDetector(self._board, parameters)
        self._points_m = np.asarray(self._board.getChessboardCorners(), np.float64)

    def find(self, rgb: Rgb) -> BoardCorners | None:
        """Return the corners seen in a picture, to about a hundredth of a pixel; None for fewer than six, or all on one line."""
        grey = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
        found: Any = self._detector.detectBoard(grey)
        corners, ids = found[:2]  # None where there are none, whatever OpenCV's types say
        if ids is None or len(ids) < FEWEST_CORNERS:
            return None
        flat, guesses = np.asarray(ids, np.int32).ravel(), np.asarray(corners, np.float64).reshape(-1, 2)
        axes_px = self._axes_px(flat, guesses)
        if axes_px is None:
            return None
        margin_squares = (1.0 - self.spec.marker_m / self.spec.square_m) / 2
        try:
            fitted = fit_corners(grey, guesses, axes_px, margin_squares)
        except np.linalg.LinAlgError:  # a board seen from its edge has no corners
            return None
        kept = flat[fitted.good]
        if len(kept) < FEWEST_CORNERS or self._board.checkCharucoCornersCollinear(kept):
            return None
        return BoardCorners(ids=kept, pixels=fitted.pixels[fitted.good], points_m=self._points_m[kept])

    def _axes_px(self, ids: NDArray[np.int32], pixels: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Return where the next corners along the board's x and y are, from each (corner, 2, 2); None where they span no plane."""
        flat_m = self._points_m[ids, :2]
        if self._board.checkCharucoCornersCollinear(ids):
            return None
        plane: Any = cv2.findHomography(flat_m, pixels, cv2.RANSAC, 0.1 * float(np.ptp(pixels, axis=0).max()))[0]
        if plane is None:
            return None
        steps_m = np.array([[0.0, 0.0], [self.spec.square_m, 0.0], [0.0, self.spec.square_m]])
        around_m = (flat_m[:, None] + steps_m).reshape(-1, 1, 2)
        around_px = np.asarray(cv2.perspectiveTransform(around_m, np.asarray(plane)), np.float64).reshape(-1, 3, 2)
        return around_px[:, 1:] - around_px[:, :1]
