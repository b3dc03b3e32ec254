"""A small autoencoder of pictures: 64 px -> 8 x 8 latents, two orders of magnitude cheaper to train than SVD's.

The encoder first folds every 2 x 2 pixels into channels, so that no convolution runs at full size, then halves twice; the decoder
goes the same way back. Its latents are a variational autoencoder's with a spread that is fixed instead of learned: training adds
noise of `LATENT_NOISE` to them and pulls them towards zero. So what is close in latents looks alike, and the decoder forgives what
a generated latent is off by. There is no perceptual and no adversarial loss: what the simulator draws has sharp edges and no grain.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own spelling
from torch import Tensor, nn
from typing_extensions import override

LATENT_NOISE = 0.1  # beside latents of about unit size
LATENT_PULL = 1e-3


class ResidualConv(nn.Module):
    """Two convolutions around which the input goes, too."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, width, kernel_size=3, padding=1),
            nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, width, kernel_size=3, padding=1),
        )  # fmt: skip

    @override
    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class PictureAutoencoder(nn.Module):
    """Pictures (B, 3, p, p) in -1..1 <-> latents (B, c, p / 2^n, p / 2^n) of unit size, for n widths."""

    latent_mean: Tensor  # (c, 1, 1), measured over the training pictures once the autoencoder is trained
    latent_std: Tensor

    def __init__(self, widths: tuple[int, ...], latent_channels: int) -> None:
        super().__init__()
        first, last = widths[0], widths[-1]
        down: list[nn.Module] = [nn.PixelUnshuffle(2), nn.Conv2d(12, first, kernel_size=3, padding=1)]
        up: list[nn.Module] = [nn.Conv2d(latent_channels, last, kernel_size=3, padding=1)]
        for narrow, wide in zip(widths, (*widths[1:], None), strict=True):
            down.append(ResidualConv(narrow))
            if wide is not None:
                down.append(nn.Conv2d(narrow, wide, kernel_size=3, stride=2, padding=1))
        for wide, narrow in zip(widths[::-1], (*widths[-2::-1], None), strict=True):
            up.append(ResidualConv(wide))
            if narrow is not None:
                up += [nn.Conv2d(wide, 4 * narrow, kernel_size=3, padding=1), nn.PixelShuffle(2)]
        self.encoder = nn.Sequential(*down, nn.GroupNorm(8, last), nn.SiLU(), nn.Conv2d(last, latent_channels, 1))
        self.decoder = nn.Sequential(
            *up, nn.GroupNorm(8, first), nn.SiLU(), nn.Conv2d(first, 12, kernel_size=3, padding=1), nn.PixelShuffle(2)
        )
        self.register_buffer("latent_mean", torch.zeros(latent_channels, 1, 1))
        self.register_buffer("latent_std", torch.ones(latent_channels, 1, 1))

    def encode(self, pictures: Tensor) -> Tensor:
        """Return the latents of pictures, unit-sized once `fit_latents` has seen some."""
        return (self.encoder(pictures) - self.latent_mean) / self.latent_std

    def decode(self, latents: Tensor) -> Tensor:
        """Return pictures; what is outside -1..1 is left so."""
        return self.decoder(latents * self.latent_std + self.latent_mean)

    def loss(self, pictures: Tensor, background: Tensor, draw: torch.Generator) -> Tensor:
        """Return the training loss (B,): squared error, five times as heavy where a picture is unlike the background (3, p, p).

        Most of every picture is the same table. Without the weight, a fingertip and a cube would count for next to nothing.
        """
        latents = self.encoder(pictures)
        noise = torch.randn(latents.shape, generator=draw, device=latents.device)
        said = self.decoder(latents + LATENT_NOISE * noise)
        weight = 1.0 + 4.0 * ((pictures - background).abs().amax(1, keepdim=True) / 0.3).clamp(max=1.0)
        error = (weight * (said - pictures).square()).flatten(1).mean(1)
        return error + LATENT_PULL * latents.square().flatten(1).mean(1)

    @torch.no_grad()
    def fit_latents(self, pictures: Tensor) -> None:
        """Set mean and spread of every latent channel from pictures (B, 3, p, p)."""
        latents = self.encoder(pictures).float()
        self.latent_mean.copy_(latents.mean((0, 2, 3))[:, None, None])
        self.latent_std.copy_(latents.std((0, 2, 3))[:, None, None])


def psnr_db(said: Tensor, pictures: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio (B,) in dB of pictures in -1..1."""
    error = F.mse_loss(said.clamp(-1.0, 1.0), pictures, reduction="none").flatten(1).mean(1)
    return 10.0 * torch.log10(4.0 / error)
