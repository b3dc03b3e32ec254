"""The small video model: a transformer over patches of latents, between convolutions at the latents' own size.

    noisy latents, current frame --> patches of 2 x 2 --> n blocks over all patches of all frames --> 2 x 2 places each --+
                  |                                         | coarse tap                                                 |
                  +------------------> 3 x 3 convolution ----------------------------------> + --> smooth --> velocity <--+
                                                                                                   | fine tap

Why not SVD's UNet at this size: on one busy CPU core a training sample of 8 frames costs the smallest useful UNet 95 to 145 ms and this
network (4.2 M parameters) 45 ms, or 28 ms in bfloat16; and most of that UNet's 14.7 M parameters lie in temporal blocks that see one
place at a time, while here every patch looks at every patch of every frame. What stays the same is all that the method rests on:
one-step features from two depths, the finer one at the latents' size, and a deterministic sampler that starts at the very same noise.

Sources: DiT (arXiv 2212.09748), one modulation shared by all blocks from PixArt (arXiv 2310.00426), and the convolutions at the ends from
Hourglass Diffusion Transformers (arXiv 2401.11605): without them the 2 x 2 places of a patch would share one feature.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own spelling
from torch import Tensor, nn
from typing_extensions import override

from models.attention import Attention, FeedForward, ScalarEmbedding
from models.svam.config import SvamConfig

PATCH = 2  # places


class VideoBlock(nn.Module):
    """Attention over all patches of all frames, then a feed-forward; scale, shift and gate of both come from the condition."""

    def __init__(self, dim: int, n_heads: int) -> None:
        super().__init__()
        self.own = nn.Parameter(torch.zeros(6 * dim))  # what this block adds to the modulation that all share
        self.norm_1 = nn.LayerNorm(dim, elementwise_affine=False)
        self.attention = Attention(dim, n_heads)
        self.norm_2 = nn.LayerNorm(dim, elementwise_affine=False)
        self.feed_forward = FeedForward(dim)

    @override
    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        """Take x (B, N, dim) and modulation (B, 1, 6 * dim)."""
        shift_1, scale_1, gate_1, shift_2, scale_2, gate_2 = (modulation + self.own).chunk(6, dim=-1)
        x = x + gate_1 * self.attention(self.norm_1(x) * (1.0 + scale_1) + shift_1)
        return x + gate_2 * self.feed_forward(self.norm_2(x) * (1.0 + scale_2) + shift_2)


class VideoTransformer(nn.Module):
    """Noisy latents, noise level, the current frame's latent and text -> the velocity of the flow, like the latents."""

    def __init__(self, config: SvamConfig) -> None:
        super().__init__()
        dim, wide, channels = config.transformer_dim, config.transformer_leave_dim, config.latent_channels
        self.dim, self.n_patches = dim, (config.latent_px // PATCH) ** 2
        self.tap_after = (
            2 * config.transformer_blocks // 3
        )  # deep enough to know the future, not yet busy with the noise
        self.enter = nn.Conv2d(2 * channels, dim, kernel_size=PATCH, stride=PATCH)
        self.position = nn.Parameter(0.02 * torch.randn(config.n_frames * self.n_patches, dim))
        self.level = ScalarEmbedding(dim)
        self.text = nn.Linear(config.n_text_tokens * config.text_dim, dim)
        self.modulate = nn.Linear(dim, 6 * dim)
        nn.init.zeros_(self.modulate.weight)  # all gates shut: a block begins as if it were not there
        nn.init.zeros_(self.modulate.bias)
        self.blocks = nn.ModuleList(VideoBlock(dim, config.transformer_heads) for _ in range(config.transformer_blocks))
        self.rise = nn.ConvTranspose2d(dim, wide, kernel_size=PATCH, stride=PATCH)
        self.past = nn.Conv2d(2 * channels, wide, kernel_size=3, padding=1)
        self.smooth = nn.Sequential(nn.GroupNorm(8, wide), nn.SiLU(), nn.Conv2d(wide, wide, kernel_size=3, padding=1))
        self.norm = nn.GroupNorm(8, wide)
        self.leave = nn.Conv2d(wide, channels, kernel_size=3, padding=1)

    @override
    def forward(self, noisy: Tensor, level: Tensor, frame: Tensor, text: Tensor) -> Tensor:
        """Take noisy (B, T, c, g, g), level (B,), frame (B, c, g, g), text (B, L, text_dim); return the velocity."""
        _, fine = self._through(noisy, level, frame, text)
        return self.leave(F.silu(self.norm(fine))).view(noisy.shape)

    def features(self, noisy: Tensor, level: Tensor, frame: Tensor, text: Tensor) -> Tensor:
        """Return what both taps hold (B, T, dim + leave_dim, g, g); the coarser one resized by nearest neighbour, as in S-VAM's code."""
        patches, fine = self._through(noisy, level, frame, text)
        patches = F.layer_norm(patches, (self.dim,))  # the residual stream grows with depth
        coarse = F.interpolate(self._as_maps(patches, noisy), scale_factor=float(PATCH), mode="nearest")
        features = torch.cat([coarse, self.norm(fine)], dim=1)
        return features.view(*noisy.shape[:2], *features.shape[1:])

    def patches(self, noisy: Tensor, level: Tensor, frame: Tensor, text: Tensor, n_blocks: int | None = None) -> Tensor:
        """Return the patches (B, T, S, dim) after so many blocks, or at the coarse tap; nothing behind them is computed.

        Normalised, since the residual stream grows with depth. A clip may be shorter than those of training.
        """
        x = self._entered(_beside(noisy, frame), len(noisy))
        modulation = self._modulation(level, text)
        for block in self.blocks[: self.tap_after if n_blocks is None else n_blocks]:
            x = block(x, modulation)
        return F.layer_norm(x, (self.dim,)).view(*noisy.shape[:2], self.n_patches, self.dim)

    def _entered(self, seen: Tensor, n_clips: int) -> Tensor:
        """Return the patches (B, T * S, dim) that the first block reads, of (B * T, 2c, g, g)."""
        patches = self.enter(seen).flatten(2).transpose(1, 2)  # (B * T, S, dim)
        x = patches.reshape(n_clips, -1, self.dim)
        return x + (self.position if x.shape[1] == len(self.position) else self.position[: x.shape[1]])

    def _modulation(self, level: Tensor, text: Tensor) -> Tensor:
        return self.modulate(F.silu(self.level(level) + self.text(text.flatten(1))))[:, None]  # (B, 1, 6 * dim)

    def _through(self, noisy: Tensor, level: Tensor, frame: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
        """Return the tapped patches (B, T * S, dim), and the maps (B * T, leave_dim, g, g) before the last layer."""
        seen = _beside(noisy, frame)
        x = self._entered(seen, len(noisy))
        modulation = self._modulation(level, text)
        tapped = x
        for index, block in enumerate(self.blocks, start=1):
            x = block(x, modulation)
            if index == self.tap_after:
                tapped = x
        fine = self.rise(self._as_maps(x, noisy)) + self.past(seen)
        return tapped, fine + self.smooth(fine)

    def _as_maps(self, patches: Tensor, like: Tensor) -> Tensor:
        side = like.shape[-1] // PATCH
        frames = patches.reshape(like.shape[0] * like.shape[1], self.n_patches, self.dim)
        return frames.transpose(1, 2).reshape(-1, self.dim, side, side)


def _beside(noisy: Tensor, frame: Tensor) -> Tensor:
    """Return (B * T, 2c, g, g): every noisy frame, and the current one's latent beside it."""
    return torch.cat([noisy, frame[:, None].expand_as(noisy)], dim=2).flatten(0, 1)
