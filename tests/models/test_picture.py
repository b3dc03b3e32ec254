"""The matrices resize as torch's antialiased resize does, and look at the central square only."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's own spelling

from models.picture import SquareResize


@pytest.mark.parametrize(("size_px", "mode"), [(64, "bilinear"), (224, "bicubic"), (256, "bilinear")])
def test_it_is_torchs_antialiased_resize_of_the_central_square(size_px: int, mode: str) -> None:
    rgb = torch.randint(0, 256, (2, 120, 200, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    square = rgb[:, 10:110, 50:150].permute(0, 3, 1, 2).float() / 255.0
    wanted = F.interpolate(square, size=(size_px, size_px), mode=mode, antialias=True)
    torch.testing.assert_close(SquareResize(100, size_px, mode)(rgb), wanted, atol=2e-6, rtol=0)
    torch.testing.assert_close(SquareResize(100, size_px, mode)(rgb.float()), wanted, atol=2e-6, rtol=0)
