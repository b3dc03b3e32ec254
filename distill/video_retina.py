"""Pictures as a video model sees them, resized by the very matrices of the deployed network, and the depth that belongs to them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from models.picture import SquareResize
from sim.camera.renderer import CROP_PX

DEPTH_EVERY_PX = 2  # depth has a row for every other row of the picture


class VideoRetina:
    """Makes small pictures and small depth maps of the camera's central square."""

    def __init__(self, video_px: int, crop_px: int = CROP_PX) -> None:
        """Take the side of the pictures that are made, and of the square that they are made of."""
        self._resize = SquareResize(crop_px, video_px)
        n_rows = video_px // DEPTH_EVERY_PX
        self._rows = np.floor((np.arange(n_rows) + 0.5) * crop_px / n_rows).astype(np.int64)

    @torch.no_grad()
    def picture(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return (p, p, 3) of a square (crop, crop, 3)."""
        small = self._resize(torch.from_numpy(rgb)[None])[0].permute(1, 2, 0)  # (p, p, 3) in 0..1
        return (255.0 * small).round().clamp(0.0, 255.0).to(torch.uint8).numpy()

    def depth_mm(self, depth_mm: NDArray[np.uint16]) -> NDArray[np.uint16]:
        """Return (p / 2, p / 2) of a square (crop, crop), by nearest neighbour: the mean of two surfaces is no surface."""
        return depth_mm[np.ix_(self._rows, self._rows)]
