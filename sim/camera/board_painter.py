"""Paints a board into a rendered picture: warped by its exact homography, averaged over each pixel, hidden behind what is nearer.

A renderer's texture filter would move the board's corners by tenths of a pixel; here they are where the pinhole puts them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sim.camera.renderer import DepthMm, Rgb
from sim.rigid import Array
from sim.truth import BoardPlace

SUPERSAMPLING = 3
HIDDEN_BY_MM = 2.5  # what is so much nearer hides the board; what lies in its plane does not
NEAREST_M = 0.03
PAPER, INK = 232.0, 22.0
COVERED = 255.0
BACK = 120.0  # grey of a board seen from behind
AMBIENT = 0.55

Grey = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinhole:
    """A camera without a lens; pixel centres at whole numbers."""

    width_px: int
    height_px: int
    focal_px: float
    centre_px: tuple[float, float]

    @property
    def matrix(self) -> Array:
        """Return the camera matrix (3, 3)."""
        column, row = self.centre_px
        return np.array([[self.focal_px, 0.0, column], [0.0, self.focal_px, row], [0.0, 0.0, 1.0]])


class BoardPainter:
    """One board's picture, in grey, without a margin."""

    def __init__(self, picture: Grey) -> None:
        """Take the picture, (row, column)."""
        self._ink = INK + (PAPER - INK) / 255.0 * picture.astype(np.float32)

    def paint(
        self, scene: tuple[Rgb, DepthMm], pinhole: Pinhole, place: BoardPlace, camera_from_board: Array
    ) -> tuple[Rgb, DepthMm]:
        """Return colour and depth with the board in them."""
        window = _window(pinhole, place, camera_from_board)
        if window is None:
            return scene
        rgb, depth_mm = scene[0].copy(), scene[1].copy()
        rows, columns = window
        grey, cover = self._seen(pinhole, place, camera_from_board, window)
        board_mm = _plane_depth_mm(pinhole, camera_from_board, window)
        behind_mm = depth_mm[rows, columns]
        hidden = (behind_mm > 0) & (behind_mm < board_mm - HIDDEN_BY_MM)
        cover[hidden] = 0.0
        grey[hidden] = 0.0
        under = rgb[rows, columns].astype(np.float32)
        rgb[rows, columns] = np.rint(under * (1.0 - cover)[..., None] + grey[..., None]).astype(np.uint8)
        depth_mm[rows, columns] = np.where(cover > 0.5, np.rint(board_mm).astype(np.uint16), behind_mm)
        return rgb, depth_mm

    def _seen(
        self, pinhole: Pinhole, place: BoardPlace, camera_from_board: Array, window: tuple[slice, slice]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the board's grey times the share of each pixel it covers, and that share, both (row, column) of the window."""
        rows, columns = window
        n_rows, n_columns = rows.stop - rows.start, columns.stop - columns.start
        fine_from_pixel = np.array([
            [SUPERSAMPLING, 0.0, (0.5 - columns.start) * SUPERSAMPLING - 0.5],
            [0.0, SUPERSAMPLING, (0.5 - rows.start) * SUPERSAMPLING - 0.5],
            [0.0, 0.0, 1.0],
        ])  # fmt: skip
        fine_from_board = fine_from_pixel @ pinhole.matrix @ camera_from_board[:3, [0, 1, 3]]
        paper, board_from_paper = self._paper(place, fine_from_board)
        from_behind = camera_from_board[:3, 2] @ camera_from_board[:3, 3] < 0
        if from_behind:
            paper[..., 0] = BACK
        towards = camera_from_board[:3, 3] / np.linalg.norm(camera_from_board[:3, 3])
        paper[..., 0] *= AMBIENT + (1.0 - AMBIENT) * abs(float(camera_from_board[:3, 2] @ towards))
        # In bytes, which is many times as fast as in floating point; half a grey level does not move a corner.
        warped = cv2.warpPerspective(
            np.rint(paper).astype(np.uint8),
            fine_from_board @ board_from_paper,
            (n_columns * SUPERSAMPLING, n_rows * SUPERSAMPLING),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
        )
        small = np.asarray(cv2.resize(warped, (n_columns, n_rows), interpolation=cv2.INTER_AREA), np.float32)
        return small[..., 0].copy(), small[..., 1] / np.float32(COVERED)

    def _paper(self, place: BoardPlace, fine_from_board: Array) -> tuple[NDArray[np.float32], Array]:
        """Return picture and margin as grey and cover, (row, column, 2), no finer than it is seen, and board_from_paper (3, 3)."""
        ink = self._ink
        height, width = ink.shape
        density = _density(fine_from_board, place) * place.width_m / width  # fine pixels a pixel of the picture
        if density < 0.8:
            width, height = max(16, round(width * density)), max(16, round(height * density))
            ink = cv2.resize(ink, (width, height), interpolation=cv2.INTER_AREA)
        margins = round(place.margin_m / place.height_m * height), round(place.margin_m / place.width_m * width)
        paper = np.full((height + 2 * margins[0], width + 2 * margins[1], 2), (PAPER, COVERED), np.float32)
        paper[margins[0] : margins[0] + height, margins[1] : margins[1] + width, 0] = ink
        x_m, y_m = place.width_m / width, place.height_m / height
        board_from_paper = np.array([
            [x_m, 0.0, (0.5 - margins[1]) * x_m], [0.0, y_m, (0.5 - margins[0]) * y_m], [0.0, 0.0, 1.0]
        ])  # fmt: skip
        return paper, board_from_paper


def _corners(place: BoardPlace) -> Array:
    """Return the paper's corners in the board's frame, (4, 4) homogeneous."""
    low, wide, high = -place.margin_m, place.width_m + place.margin_m, place.height_m + place.margin_m
    return np.array([[low, low, 0, 1], [wide, low, 0, 1], [wide, high, 0, 1], [low, high, 0, 1]], np.float64)


def _window(pinhole: Pinhole, place: BoardPlace, camera_from_board: Array) -> tuple[slice, slice] | None:
    """Return rows and columns that the board may be in; None where it is out of the picture, or too near to be painted."""
    corners = _corners(place) @ camera_from_board.T
    if corners[:, 2].min() < NEAREST_M:
        return None
    pixels = corners[:, :3] @ pinhole.matrix.T
    pixels = pixels[:, :2] / pixels[:, 2:]
    low = np.maximum(np.floor(pixels.min(axis=0)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(pixels.max(axis=0)).astype(int) + 2, (pinhole.width_px, pinhole.height_px))
    if (high <= low).any():
        return None
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def _density(fine_from_board: Array, place: BoardPlace) -> float:
    """Return how many fine pixels there are to a metre on the board where they are most."""
    half_m = 0.5 * np.array([place.width_m, place.height_m])
    corners = np.array([[0, 0], [place.width_m, 0], [0, place.height_m], [place.width_m, place.height_m], half_m])
    steps_m = 1e-4 * np.eye(2)
    densest = 0.0
    for corner in corners:
        points = np.vstack([corner, corner + steps_m])
        seen = np.column_stack([points, np.ones(3)]) @ fine_from_board.T
        seen = seen[:, :2] / seen[:, 2:]
        densest = max(densest, float(np.linalg.norm(seen[1:] - seen[0], axis=1).max()) / 1e-4)
    return densest


def _plane_depth_mm(pinhole: Pinhole, camera_from_board: Array, window: tuple[slice, slice]) -> NDArray[np.float32]:
    """Return the depth of the board's plane along the optical axis, (row, column) of the window."""
    rows, columns = window
    centre_x, centre_y = pinhole.centre_px
    normal, origin_m = camera_from_board[:3, 2], camera_from_board[:3, 3]
    across = np.arange(columns.start, columns.stop, dtype=np.float64)
    down = np.arange(rows.start, rows.stop, dtype=np.float64)
    ray_x, ray_y = (across - centre_x) / pinhole.focal_px, (down - centre_y) / pinhole.focal_px
    along = float(normal[0]) * ray_x[None, :] + float(normal[1]) * ray_y[:, None] + float(normal[2])
    with np.errstate(divide="ignore"):
        depth_mm = 1000.0 * float(normal @ origin_m) / along
    return np.clip(depth_mm, 0.0, 60000.0).astype(np.float32)
