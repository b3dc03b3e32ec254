"""Cosmos-Predict2-2B as mimic-video uses it: past frames in clean latents, their future in noisy ones, one forward pass to block 20.

The networks are diffusers': `CosmosTransformer3DModel` and Wan's autoencoder, of which Cosmos' is a copy. Its flow is ours backwards:
it is told tau = 1 - t, and says noise minus data where ours says data minus noise. Frames that are given have a time of their own,
almost without noise, and a channel that says which they are; another channel says where a picture was padded: nowhere.

Sources: the configuration "Cosmos-2.0-Diffusion-2B-Video2World" and the loop of `Cosmos2VideoToWorldPipeline` in diffusers; mimic-video
(arXiv 2512.15692), whose code stops after the 20th of 28 blocks. T5-11B, which the texts come from, runs once an instruction: a table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own spelling
from diffusers import AutoencoderKLWan, CosmosTransformer3DModel
from torch import Tensor, nn

from interfaces.errors import ConfigError
from models.mimic_video.config import MimicVideoConfig

if TYPE_CHECKING:
    from models.svam.policy import SvamPolicy

PAST_TAU = 1e-4 / (1.0 + 1e-4)  # of given frames: "sigma_conditioning" of the pipeline
NOISE_SEED = 700


class CosmosVideo(nn.Module):
    """The frozen video model at the published size; verbs as of `SmallVideo`."""

    initial_noise: Tensor  # (T, c, h, w)
    text_table: Tensor  # (n_instructions, n_text_tokens, text_dim), of T5-11B
    latent_mean: Tensor  # (c, 1, 1, 1)
    latent_std: Tensor

    def __init__(self, config: MimicVideoConfig) -> None:
        """Build it untrained."""
        super().__init__()
        self.config = config
        self.transformer = CosmosTransformer3DModel(
            in_channels=config.latent_channels + 1,  # and diffusers adds the padding's
            out_channels=config.latent_channels,
            num_attention_heads=config.transformer_heads,
            attention_head_dim=config.transformer_dim // config.transformer_heads,
            num_layers=config.transformer_blocks,
            text_embed_dim=config.text_dim,
            adaln_lora_dim=config.modulation_dim,
            rope_scale=(1.0, 3.0, 3.0),
            extra_pos_embed_type=None,
        )
        first = config.vae_channels[0]
        self.autoencoder = AutoencoderKLWan(
            base_dim=first, z_dim=config.latent_channels, dim_mult=[width // first for width in config.vae_channels]
        )
        self.requires_grad_(requires_grad=False)
        told = self.autoencoder.config
        for name, values in (("latent_mean", told["latents_mean"]), ("latent_std", told["latents_std"])):
            self.register_buffer(name, torch.tensor(values)[:, None, None, None])
        draw = torch.Generator().manual_seed(NOISE_SEED)
        shape = (config.n_frames, config.latent_channels, *config.latent_size)
        self.register_buffer("initial_noise", torch.randn(shape, generator=draw, device="cpu"))
        texts = (config.n_instructions, config.n_text_tokens, config.text_dim)
        self.register_buffer("text_table", torch.zeros(texts))

    def adopt(self, trained: SvamPolicy) -> None:
        """Refuse: no S-VAM has a Cosmos in it. Raises ConfigError."""
        raise ConfigError("the trained policy", "backbone", trained.config.backbone, "cosmos")

    def encode(self, rgb: Tensor) -> Tensor:
        """Return the latents (B, n_past, c, h, w) of whole pictures (B, n_history, H, W, 3) of 0..255."""
        video = (rgb / 127.5 - 1.0).permute(0, 4, 1, 2, 3)  # (B, 3, n_history, H, W)
        latents = self.autoencoder.encode(video).latent_dist.mode()
        return ((latents - self.latent_mean) / self.latent_std).transpose(1, 2)

    def text(self, instruction: Tensor) -> Tensor:
        """Return the texts (B, n_text_tokens, text_dim) of one-hot instructions (B, n)."""
        return (instruction @ self.text_table.flatten(1)).view(len(instruction), *self.text_table.shape[1:])

    def velocity(self, noisy: Tensor, level: Tensor, past: Tensor, text: Tensor) -> Tensor:
        """Return the flow's velocity (B, T, c, h, w), from noise to data, for noisy like it at time level (B,)."""
        x, times = self._through(noisy, level, past, text, self.config.transformer_blocks)
        network = self.transformer
        said = network.proj_out(network.norm_out(x, times[1], times[0]))  # (B, N, 2 * 2 * c)
        n_frames, channels = past.shape[1] + noisy.shape[1], noisy.shape[2]
        height, width = noisy.shape[3] // 2, noisy.shape[4] // 2
        places = said.view(len(said), n_frames, height, width, 2, 2, channels).permute(0, 1, 6, 2, 4, 3, 5)
        return -places.reshape(len(said), n_frames, channels, 2 * height, 2 * width)[:, past.shape[1] :]

    def tokens(self, noisy: Tensor, level: Tensor, past: Tensor, text: Tensor) -> Tensor:
        """Return the tokens (B, N, dim) after the config's block of noisy futures (B, T, c, h, w) at time level (B,).

        Normalised, as the decoder's first layer would do anyway; nothing behind that block is computed.
        """
        x, _ = self._through(noisy, level, past, text, self.config.read_after)
        return F.layer_norm(x, (self.config.transformer_dim,))

    def _through(
        self, noisy: Tensor, level: Tensor, past: Tensor, text: Tensor, n_blocks: int
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the tokens (B, N, dim) after so many blocks, and the embedded times (B, N, 3 * dim) and (B, N, dim)."""
        network, n_past = self.transformer, past.shape[1]
        latents = torch.cat([past, noisy], dim=1).transpose(1, 2)  # (B, c, n_past + T, h, w)
        given = torch.zeros_like(latents[:, :1])
        given[:, :, :n_past] = 1.0
        x = torch.cat([latents, given, torch.zeros_like(given)], dim=1)
        turning = network.rope(x, fps=None)
        patches = network.patch_embed(x)  # (B, n_past + T, h / 2, w / 2, dim)
        taus = F.pad((1.0 - level)[:, None].expand(-1, noisy.shape[1]), (n_past, 0), value=PAST_TAU)  # (B, n_past + T)
        embedded = network.time_embed(patches, taus.flatten())
        n_places = patches.shape[2] * patches.shape[3]
        wide, narrow = (told.view(*taus.shape, -1).repeat_interleave(n_places, dim=1) for told in embedded)
        x = patches.flatten(1, 3)
        for block in list(network.transformer_blocks)[:n_blocks]:
            x = block(x, text, narrow, wide, turning)
        return x, (wide, narrow)
