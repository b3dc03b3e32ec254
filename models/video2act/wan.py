"""The slow system at paper scale: WAN2.2-TI2V-5B, asked twice, about the boundaries of one picture and the motion of a clip.

    picture (B, 3, 1, 480, 832) --autoencoder--> (B, 48, 1, 30, 52)  --Sobel-----> 20 of 30 blocks --> (B, 390, 3072) --+
    clip (B, 3, 61, 224, 224) ----autoencoder--> (B, 48, 16, 14, 14) --band-pass-> 20 of 30 blocks --> (B, 784, 3072) --+
                                                                                              formers --> tokens (B, 1174, 2048)

Networks and names are those of diffusers, so that published weights load. Timestep 0, which is WAN's clean end, and text in UMT5's
vectors, as in the release (jiayueru/Video2Act 19e610a). Sizes: Wan-Video/Wan2.2, `wan_ti2v_5B.py`.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from torch import Tensor, nn
from typing_extensions import override

from models.video2act.config import Video2ActConfig
from models.video2act.slow_system import Former, filters_of

N_BLOCKS, N_USED_BLOCKS = 30, 20
_HEAD_DIM, _INSIDE_DIM, _TIME_DIM = 128, 14336, 256


class WanSystem(nn.Module):
    """Autoencoder, the used blocks of the transformer, filters and formers; the text for the head has a former of its own."""

    def __init__(self, config: Video2ActConfig) -> None:
        super().__init__()
        self.autoencoder = build_autoencoder(config)
        self.transformer = build_transformer(config, N_USED_BLOCKS)
        self.boundary, self.motion = filters_of(config)
        self.text_former = Former(config.text_dim, config.token_dim, config.n_text_tokens)
        self.spatial_former = Former(config.transformer_dim, config.token_dim, config.n_spatial_tokens)
        self.motion_former = Former(config.transformer_dim, config.token_dim, config.n_motion_tokens)

    def encode(self, pictures: Tensor) -> Tensor:
        """Return latents (B, 48, 1 + (T - 1) / 4, h / 16, w / 16) of pictures (B, 3, T, h, w) in -1..1."""
        latents = self.autoencoder.encode(pictures).latent_dist.mode()
        shape = (1, -1, 1, 1, 1)
        mean, std = (
            torch.tensor(values, dtype=latents.dtype, device=latents.device).view(shape)
            for values in (self.autoencoder.config.latents_mean, self.autoencoder.config.latents_std)
        )
        return (latents - mean) / std

    def patches(self, latents: Tensor, text: Tensor) -> Tensor:
        """Return the patches (B, T * h / 2 * w / 2, 3072) after the used blocks, of latents and text vectors (B, L, 4096)."""
        network = self.transformer
        x = network.patch_embedding(latents).flatten(2).transpose(1, 2)
        clean = torch.zeros(len(latents), dtype=torch.long, device=latents.device)
        _, modulation, told, _ = network.condition_embedder(clean, text, None)
        turns = network.rope(latents)
        for block in network.blocks:
            x = block(x, told, modulation.unflatten(1, (6, -1)), turns)
        return x

    @override
    def forward(self, picture: Tensor, clip: Tensor, text: Tensor) -> Tensor:
        """Return both streams' tokens (B, 390 + 784, 2048); arguments as in the drawing above, and text as of `patches`."""
        spatial = self.boundary(self.encode(picture))
        motion = self.motion(self.encode(clip).transpose(1, 2)).transpose(1, 2)  # (B, 48, T, h, w), filtered along T
        return torch.cat(
            [self.spatial_former(self.patches(spatial, text)), self.motion_former(self.patches(motion, text))], dim=1
        )


def build_transformer(config: Video2ActConfig, n_blocks: int = N_BLOCKS) -> WanTransformer3DModel:
    """Return WAN2.2-TI2V-5B's transformer, untrained, or its first so many blocks."""
    return WanTransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=config.transformer_heads, attention_head_dim=_HEAD_DIM,
        in_channels=config.latent_channels, out_channels=config.latent_channels, text_dim=config.text_dim,
        freq_dim=_TIME_DIM, ffn_dim=_INSIDE_DIM, num_layers=n_blocks,
    )  # fmt: skip


def build_autoencoder(config: Video2ActConfig) -> AutoencoderKLWan:
    """Return Wan2.2's "VAE38", untrained; a checkpoint brings its own statistics of latents.

    Pictures are folded 2 x 2 and then halved three times; but for the first, four of them make one latent frame.
    """
    return AutoencoderKLWan(
        base_dim=config.vae_channels[0], decoder_base_dim=256, z_dim=config.latent_channels,
        dim_mult=[channels // config.vae_channels[0] for channels in config.vae_channels], num_res_blocks=2,
        temperal_downsample=[False, True, True], in_channels=12, out_channels=12, patch_size=2, is_residual=True,
        latents_mean=[0.0] * config.latent_channels, latents_std=[1.0] * config.latent_channels,
        scale_factor_spatial=16, scale_factor_temporal=4,
    )  # fmt: skip
