"""The autoencoder of the published UVA: latent diffusion's KL-f16, pictures of 256 px <-> 16 channels of 16 x 16 places."""

from __future__ import annotations

from diffusers import AutoencoderKL
from torch import Tensor, nn

_GAIN = 0.2325  # makes MAR's latents unit-sized; UVA takes it over


class KlAutoencoder(nn.Module):
    """Diffusers' AutoencoderKL behind the verbs of `PictureAutoencoder`. Source: UVA's `vaekl.py`, which is MAR's."""

    def __init__(self, widths: tuple[int, ...], latent_channels: int, picture_px: int) -> None:
        super().__init__()
        plain = len(widths) - 1  # the innermost blocks look around, too
        self.vae = AutoencoderKL(
            down_block_types=(*("DownEncoderBlock2D",) * plain, "AttnDownEncoderBlock2D"),
            up_block_types=("AttnUpDecoderBlock2D", *("UpDecoderBlock2D",) * plain),
            block_out_channels=widths, layers_per_block=2, latent_channels=latent_channels, sample_size=picture_px,
        )  # fmt: skip

    def encode(self, pictures: Tensor) -> Tensor:
        """Return latents (B, c, g, g) of pictures (B, 3, p, p) in -1..1.

        The posterior's mode, where the release draws from it: a foresight is a function of what the camera saw.
        """
        moments: Tensor = self.vae.quant_conv(self.vae.encoder(pictures))
        return moments.chunk(2, dim=1)[0] * _GAIN

    def decode(self, latents: Tensor) -> Tensor:
        """Return pictures; what is outside -1..1 is left so."""
        return self.vae.decode(latents / _GAIN).sample
