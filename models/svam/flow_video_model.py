"""The small video model behind the verbs of `video_model.VideoModel`: a velocity flow over latents of a small autoencoder.

The flow goes from noise (t = 0) to the video (t = 1). `features` asks the network at t = 0 about `noise`; `sample` begins its Euler
steps at the very same place; so one-step features and the video that they foresee belong together, as with SVD. The current
frame's latent and the generated ones have the same unit size. One step of `sample` is what a person would call the model's first guess:
the mean of all futures; more steps settle on one of them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.flow import TimeDistribution, VelocityFlow
from models.svam.config import SvamConfig
from models.svam.picture_autoencoder import PictureAutoencoder
from models.svam.video_transformer import VideoTransformer


class FlowVideoModel(nn.Module):
    """Transformer and autoencoder. Shapes: latents (B, T, c, g, g), pictures (B, 3, p, p) in -1..1, text (B, L, text_dim)."""

    def __init__(self, config: SvamConfig) -> None:
        super().__init__()
        self.transformer = VideoTransformer(config)
        self.autoencoder = PictureAutoencoder(config.vae_channels, config.latent_channels)
        self.flow = VelocityFlow(
            TimeDistribution(shift_ratio=config.video_time_shift_ratio, pure_noise_ratio=config.video_pure_noise_ratio)
        )

    def encode_frame(self, picture: Tensor) -> Tensor:
        """Return the latent (B, c, g, g) of the current frame, as the transformer reads it."""
        return self.autoencoder.encode(picture)

    def encode_video(self, pictures: Tensor) -> Tensor:
        """Return latents (B, T, c, g, g) of pictures (B, T, 3, p, p)."""
        latents = self.autoencoder.encode(pictures.flatten(0, 1))
        return latents.view(*pictures.shape[:2], *latents.shape[1:])

    def decode_video(self, latents: Tensor) -> Tensor:
        """Return pictures (B, T, 3, p, p) of latents (B, T, c, g, g)."""
        pictures = self.autoencoder.decode(latents.flatten(0, 1))
        return pictures.view(*latents.shape[:2], *pictures.shape[1:])

    def features(self, noise: Tensor, frame: Tensor, text: Tensor) -> Tensor:
        """Return the one-step features (B, T, C, g, g) for standard normal noise (B, T, c, g, g) and a frame's latent."""
        return self.transformer.features(noise, _start(noise), frame, text)

    def loss(self, clean: Tensor, noise: Tensor, uniform: Tensor, frame: Tensor, text: Tensor) -> Tensor:
        """Return the flow's loss (B,); `noise` is like clean, standard normal, and `uniform` (B,) becomes the time."""

        def network(noisy: Tensor, level: Tensor) -> Tensor:
            return self.transformer(noisy, level, frame, text)

        return self.flow.loss(network, clean, noise, uniform)

    @torch.no_grad()
    def sample(self, noise: Tensor, frame: Tensor, text: Tensor, n_steps: int, guidance: float = 1.0) -> Tensor:
        """Return the latents of the video that this very noise becomes in Euler steps; `guidance` as of `VideoModel.sample`."""

        def network(noisy: Tensor, level: Tensor) -> Tensor:
            velocity = self.transformer(noisy, level, frame, text)
            if guidance == 1.0:
                return velocity
            free = self.transformer(noisy, level, frame, torch.zeros_like(text))
            return free + guidance * (velocity - free)

        return self.flow.sample(network, noise, n_steps)

    def cut(self) -> None:
        """Drop what one-step features do not need: the network's end and the decoder. Only `features` works then."""
        self.transformer.leave = nn.Identity()  # pyright: ignore[reportAttributeAccessIssue]
        self.autoencoder.decoder = nn.Sequential()


def _start(noise: Tensor) -> Tensor:
    return torch.zeros(len(noise), device=noise.device)
