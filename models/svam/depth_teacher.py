"""The geometric teacher at small scale: pictures -> depth, through a narrow waist whose features are what students learn to foresee.

It stands where Depth Anything 3 stands at paper scale, and is trained on the simulator's exact depth, then frozen. There is no way
around the waist, so all that the network knows of geometry passes through its features, and these lie on the students' grid.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own spelling
from torch import Tensor, nn
from typing_extensions import override

from models.svam.picture_autoencoder import ResidualConv


class DepthTeacher(nn.Module):
    """Pictures (B, 3, p, p) in -1..1 -> depth (B, p / 2, p / 2) in mm, and features (B, dim, p / 8, p / 8)."""

    depth_mean_mm: Tensor  # ()
    depth_std_mm: Tensor
    feature_mean: Tensor  # (dim, 1, 1)
    feature_std: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(2), nn.Conv2d(12, 32, kernel_size=3, padding=1), ResidualConv(32),
            nn.Conv2d(32, 64, kernel_size=3, stride=2, padding=1), ResidualConv(64),
            nn.Conv2d(64, 128, kernel_size=3, stride=2, padding=1), ResidualConv(128),
            nn.GroupNorm(8, 128), nn.SiLU(), nn.Conv2d(128, dim, kernel_size=1),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Conv2d(dim, 128, kernel_size=3, padding=1), ResidualConv(128),
            nn.Conv2d(128, 256, kernel_size=3, padding=1), nn.PixelShuffle(2), ResidualConv(64),
            nn.Conv2d(64, 128, kernel_size=3, padding=1), nn.PixelShuffle(2), ResidualConv(32),
            nn.Conv2d(32, 1, kernel_size=3, padding=1),
        )  # fmt: skip
        for name in ("depth_mean_mm", "depth_std_mm"):
            self.register_buffer(name, torch.ones(()))
        self.register_buffer("feature_mean", torch.zeros(dim, 1, 1))
        self.register_buffer("feature_std", torch.ones(dim, 1, 1))

    @override
    def forward(self, pictures: Tensor) -> Tensor:
        """Return depth in mm."""
        return self.decoder(self.encoder(pictures))[:, 0].float() * self.depth_std_mm + self.depth_mean_mm

    def features(self, pictures: Tensor) -> Tensor:
        """Return what students foresee, of mean 0 and spread 1 in each channel once `fit_features` has seen pictures."""
        return (self.encoder(pictures) - self.feature_mean) / self.feature_std

    def loss(self, pictures: Tensor, depth_mm: Tensor) -> Tensor:
        """Return the mean absolute error, in spreads of depth; pixels without depth (0) do not count."""
        known = depth_mm > 0
        error = F.l1_loss(self(pictures), depth_mm, reduction="none") / self.depth_std_mm
        return (error * known).sum() / known.sum().clamp(min=1)

    @torch.no_grad()
    def fit_depth(self, depth_mm: Tensor) -> None:
        """Set mean and spread of depth from some maps."""
        known = depth_mm[depth_mm > 0].float()
        self.depth_mean_mm.copy_(known.mean())
        self.depth_std_mm.copy_(known.std())

    @torch.no_grad()
    def fit_features(self, pictures: Tensor) -> None:
        """Set mean and spread of every feature channel from pictures (B, 3, p, p)."""
        features = self.encoder(pictures).float()
        self.feature_mean.copy_(features.mean((0, 2, 3))[:, None, None])
        self.feature_std.copy_(features.std((0, 2, 3)).clamp(min=1e-3)[:, None, None])
