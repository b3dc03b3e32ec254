"""The video model: Stable Video Diffusion's UNet and autoencoder, for one-step features and for whole videos.

Two uses of the same network, and they must share their initial noise, which is therefore an argument of both:

- `features`: ONE forward at the first noise level (sigma 700), cut at the taps. What a student sees.
- `sample`: the deterministic sampler run to the end. What its teachers see.

At sigma 700 the input is all noise, so the features say *which* video will come only together with the noise that it comes
from: a student can learn the sampled video sharply, since it is a function of its own input, and the real future only on average.

Details as in VPP and S-VAM (arXiv 2412.14803, 2603.16195; released code): text instead of SVD's picture embedding, duplicated
along the channels; the current frame's latent (the mode, NOT multiplied by the latent gain) beside the noise of every frame;
fps 4, motion bucket 127, no noise on the picture; v-prediction with Karras' levels, whose first is 700 for any number of steps.
"""

from __future__ import annotations

import math

import torch
from diffusers import AutoencoderKLTemporalDecoder, EulerDiscreteScheduler, UNetSpatioTemporalConditionModel
from torch import Tensor, nn

from models.svam.config import SvamConfig
from models.svam.taps import N_TAPS, tapped_features

SIGMA_MAX = 700.0
TIME_IDS = (4.0, 127.0, 0.0)  # frames per second, motion bucket, noise on the picture
# The scheduler of SVD's checkpoints (their scheduler_config.json); one with other levels would make other features.
SCHEDULER = {
    "prediction_type": "v_prediction",
    "use_karras_sigmas": True,
    "sigma_min": 0.002,
    "sigma_max": SIGMA_MAX,
    "timestep_type": "continuous",
    "timestep_spacing": "leading",
}
# Training levels of VPP: sigma = exp(0.7 + 1.6 n), n standard normal.
LOG_SIGMA_MEAN, LOG_SIGMA_STD = 0.7, 1.6


class VideoModel(nn.Module):
    """UNet and autoencoder behind the few verbs that a policy and its training need.

    Shapes: T frames, latents (B, T, 4, g, g), pictures (B, 3, p, p) in -1..1, text (B, L, text_dim).
    """

    def __init__(self, unet: UNetSpatioTemporalConditionModel, vae: AutoencoderKLTemporalDecoder) -> None:
        super().__init__()
        self.unet = unet
        self.vae = vae
        self.latent_gain = float(vae.config.scaling_factor)

    def encode_frame(self, picture: Tensor) -> Tensor:
        """Return the latent (B, 4, g, g) of the current frame, as the UNet reads it: the posterior's mode, unscaled."""
        moments = self.vae.quant_conv(self.vae.encoder(picture))
        return moments.chunk(2, dim=1)[0]

    def encode_video(self, pictures: Tensor) -> Tensor:
        """Return scaled latents (B, T, 4, g, g) of pictures (B, T, 3, p, p): what training adds noise to."""
        latents = self.encode_frame(pictures.flatten(0, 1)) * self.latent_gain
        return latents.view(*pictures.shape[:2], *latents.shape[1:])

    def decode_video(self, latents: Tensor) -> Tensor:
        """Return pictures (B, T, 3, p, p) of scaled latents (B, T, 4, g, g)."""
        pictures = self.vae.decode(latents.flatten(0, 1) / self.latent_gain, num_frames=latents.shape[1]).sample
        return pictures.view(*latents.shape[:2], *pictures.shape[1:])

    def features(self, noise: Tensor, frame: Tensor, text: Tensor) -> Tensor:
        """Return the one-step features (B, T, C, grid, grid) for standard normal noise (B, T, 4, g, g) and a frame's latent.

        The noise is scaled to sigma 700 and back to unit size in one: the UNet reads exactly `noise`.
        """
        level = torch.full((len(noise),), _level(SIGMA_MAX), device=noise.device)
        return tapped_features(self.unet, _beside(noise, frame), level, _doubled(text), self._time_ids(noise))

    def denoised(self, noisy: Tensor, sigma: Tensor, frame: Tensor, text: Tensor) -> Tensor:
        """Return the clean latents that the UNet believes in, for noisy = clean + sigma * noise, sigma (B,)."""
        wide = sigma[:, None, None, None, None]
        sample = _beside(noisy / torch.sqrt(wide**2 + 1.0), frame)
        level = 0.25 * sigma.log()
        v = self.unet(sample, level, _doubled(text), added_time_ids=self._time_ids(noisy)).sample
        return noisy / (wide**2 + 1.0) - v * wide / torch.sqrt(wide**2 + 1.0)

    def loss(self, clean: Tensor, noise: Tensor, uniform: Tensor, frame: Tensor, text: Tensor) -> Tensor:
        """Return VPP's training loss (B,): squared error of the clean latents, weighted (sigma^2 + 1) / sigma^2.

        `noise` is like clean, standard normal; `uniform` (B,) in 0..1 becomes the noise level.
        """
        normal = math.sqrt(2.0) * torch.erfinv(2.0 * uniform.clamp(1e-6, 1.0 - 1e-6) - 1.0)
        sigma = torch.exp(LOG_SIGMA_MEAN + LOG_SIGMA_STD * normal)
        noisy = clean + sigma[:, None, None, None, None] * noise
        error = (self.denoised(noisy, sigma, frame, text) - clean).square().flatten(1).mean(1)
        return error * (sigma**2 + 1.0) / sigma**2

    @torch.no_grad()
    def sample(self, noise: Tensor, frame: Tensor, text: Tensor, n_steps: int, guidance: float = 1.0) -> Tensor:
        """Return scaled latents (B, T, 4, g, g) of the video that this very noise becomes, in deterministic Euler steps.

        `guidance` above 1 pushes away from the video without text (zeros, as in training's text dropout). VPP generates with
        30 steps and 7.5; S-VAM does not say how its teacher videos were made.
        """
        scheduler = EulerDiscreteScheduler.from_config(SCHEDULER)
        scheduler.set_timesteps(n_steps, device=noise.device)
        time_ids = self._time_ids(noise)
        x = noise * scheduler.init_noise_sigma
        for level in scheduler.timesteps:
            sample = _beside(scheduler.scale_model_input(x, level), frame)
            v = self.unet(sample, level, _doubled(text), added_time_ids=time_ids).sample
            if guidance != 1.0:
                free = self.unet(sample, level, _doubled(torch.zeros_like(text)), added_time_ids=time_ids).sample
                v = free + guidance * (v - free)
            x = scheduler.step(v, level, x).prev_sample
        return x

    def cut(self) -> None:
        """Drop what one-step features do not need: later up-blocks, the UNet's end, the decoder. Only `features` works then."""
        del self.unet.up_blocks[N_TAPS:]
        self.unet.conv_norm_out = nn.Identity()
        self.unet.conv_out = nn.Identity()
        self.vae.decoder = nn.Identity()

    def _time_ids(self, like: Tensor) -> Tensor:
        return torch.tensor(TIME_IDS, device=like.device).expand(len(like), -1)  # (B, 3)


def build_video_model(config: SvamConfig) -> VideoModel:
    """Return an untrained video model; at `paper` size it has SVD's own configuration."""
    n_blocks = len(config.unet_channels)
    unet = UNetSpatioTemporalConditionModel(
        sample_size=config.latent_px,
        down_block_types=(*("CrossAttnDownBlockSpatioTemporal",) * (n_blocks - 1), "DownBlockSpatioTemporal"),
        up_block_types=("UpBlockSpatioTemporal", *("CrossAttnUpBlockSpatioTemporal",) * (n_blocks - 1)),
        block_out_channels=config.unet_channels,
        layers_per_block=config.unet_layers,
        cross_attention_dim=2 * config.text_dim,
        num_attention_heads=config.unet_heads,
        num_frames=config.n_frames,
    )
    vae = AutoencoderKLTemporalDecoder(
        down_block_types=("DownEncoderBlock2D",) * len(config.vae_channels),
        block_out_channels=config.vae_channels,
        layers_per_block=config.vae_layers,
        latent_channels=4,
        sample_size=config.video_px,
        scaling_factor=config.latent_gain,
    )
    return VideoModel(unet, vae)


def _level(sigma: float) -> float:
    return 0.25 * math.log(sigma)


def _beside(noisy: Tensor, frame: Tensor) -> Tensor:
    """Return the UNet's input (B, T, 8, g, g): the noisy latents, and the current frame's beside each."""
    return torch.cat([noisy, frame[:, None].expand_as(noisy)], dim=2)


def _doubled(text: Tensor) -> Tensor:
    return torch.cat([text, text], dim=-1)  # (B, L, 2 * text_dim)
