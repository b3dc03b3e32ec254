"""From a camera's picture to a network's: a central square, resized as torch resizes with antialiasing, by two multiplications."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own spelling
from torch import Tensor, nn
from typing_extensions import override


class SquareResize(nn.Module):
    """Pictures (B, H, W, 3) of 0..255, bytes or floats, -> (B, 3, size, size) in 0..1.

    Resizing is linear and separable, so it is one matrix for rows and columns, made here from torch's own antialiased resize.
    The graph then needs no antialiased Resize, which TensorRT's parser does not take, and the device computes what training did.
    """

    weights: Tensor  # (crop, size)

    def __init__(self, crop_px: int, size_px: int, mode: str = "bilinear") -> None:
        super().__init__()
        self.crop_px = crop_px
        identity = torch.eye(crop_px)[None, None]  # its rows are pictures of one bright pixel
        weights = F.interpolate(identity, size=(crop_px, size_px), mode=mode, antialias=True)[0, 0]
        self.register_buffer("weights", weights, persistent=False)

    @override
    def forward(self, rgb: Tensor) -> Tensor:
        """Take the central square of pictures (B, H, W, 3), which must hold one of crop_px."""
        crop = self.crop_px
        top, left = (rgb.shape[1] - crop) // 2, (rgb.shape[2] - crop) // 2
        square = rgb[:, top : top + crop, left : left + crop].permute(0, 3, 1, 2)  # (B, 3, crop, crop)
        x = square.to(self.weights.dtype) / 255.0
        x = (x @ self.weights).transpose(2, 3)  # columns: (B, 3, size, crop)
        return (x @ self.weights).transpose(2, 3)  # rows
