"""Photographs of a board through a lens with distortion, which MuJoCo does not have: every pixel looks along its own ray.

Four rays a pixel are averaged, as the area of a sensor's pixel does; then the lens's blur, the light, and the sensor's noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.board.board import BoardSpec, board_picture
from calibration.board.pose import camera_matrix, distortion_of
from calibration.geometry.transforms import Transform
from interfaces.device_facts import CameraIntrinsics
from interfaces.messages import Rgb

FINE = 2  # rays a pixel, across and down
PX_PER_SQUARE = 160
MARGIN_PX = 80  # the paper's white border
BLACK, WHITE, BEHIND = 25.0, 220.0, 120.0  # grey levels: ink, paper, and what is behind the board


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """What makes a photograph worse than a projection."""

    blur_px: float = 0.6  # sigma of the lens
    image_noise: float = 2.0  # sigma, grey levels
    contrast_ratio: float = 1.0  # of the full range between ink and paper


class Photographer:
    """Takes photographs of one board through one lens."""

    def __init__(self, spec: BoardSpec, lens: CameraIntrinsics, light: Light, rng: np.random.Generator) -> None:
        self._spec, self._lens, self._light, self._rng = spec, lens, light, rng
        board = board_picture(spec, PX_PER_SQUARE)
        paper = np.pad(board, MARGIN_PX, constant_values=255)
        self._levels = _pyramid(BLACK + (paper / 255.0 * (WHITE - BLACK)).astype(np.float32))
        self._rays = _rays(lens)

    def take(self, camera_from_board: Transform) -> Rgb:
        """Return a picture (height, width, 3) of the board at a pose."""
        grey = self._sharp(camera_from_board)
        if self._light.blur_px > 0:
            grey = cv2.GaussianBlur(grey, (0, 0), self._light.blur_px)
        grey = BEHIND + (grey - BEHIND) * self._light.contrast_ratio
        grey = grey + self._rng.normal(0.0, self._light.image_noise, grey.shape) if self._light.image_noise else grey
        return np.repeat(np.clip(np.rint(grey), 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)

    def _sharp(self, camera_from_board: Transform) -> NDArray[np.float32]:
        """Return what the rays meet, averaged over each pixel."""
        plane = np.linalg.inv(camera_from_board[:3, [0, 1, 3]])  # a ray (x, y, 1) to the board's x, y
        met = self._rays @ plane.T.astype(np.float32)
        px_per_m = PX_PER_SQUARE / self._spec.square_m
        board_px = met[..., :2] / met[..., 2:] * px_per_m
        # Coarser copies of the board for a board far away, as the four rays of a pixel must not miss what is between them.
        step = float(np.linalg.norm(np.diff(board_px[self._lens.height_px, :: self._lens.width_px // 2], axis=0)[0]))
        level = int(np.clip(np.floor(np.log2(max(step / (self._lens.width_px // 2), 1.0))), 0, len(self._levels) - 1))
        texture_px = (board_px + MARGIN_PX) / 2**level - 0.5
        outside = met[..., 2] <= 0  # behind the camera
        texture_px[outside] = -1e4
        picture = cv2.remap(
            self._levels[level],
            texture_px[..., 0],
            texture_px[..., 1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(BEHIND,),
        )
        size = (self._lens.width_px, self._lens.height_px)
        return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)


def _pyramid(picture: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    levels = [picture]
    for _ in range(4):
        height, width = levels[-1].shape
        halved = cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        levels.append(np.asarray(halved, np.float32))
    return levels


def _rays(lens: CameraIntrinsics) -> NDArray[np.float32]:
    """Return the directions (height * FINE, width * FINE, 3), z being 1, that look through parts of pixels."""
    columns = (np.arange(lens.width_px * FINE) + 0.5) / FINE - 0.5
    rows = (np.arange(lens.height_px * FINE) + 0.5) / FINE - 0.5
    pixels = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 1, 2)
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, 1e-9)
    matrix, distortion = camera_matrix(lens), distortion_of(lens)
    flat = cv2.undistortPointsIter(pixels, matrix, distortion, np.eye(3), np.eye(3), criteria)
    rays = np.ones((len(rows), len(columns), 3), np.float32)
    rays[..., :2] = np.asarray(flat).reshape(len(rows), len(columns), 2)
    return rays
