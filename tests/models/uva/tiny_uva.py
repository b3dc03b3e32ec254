"""A UVA as small as one can be, with all its parts, whose weights are random, also those that begin as zeros."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from models.moment import Moment
from models.uva.config import UvaConfig
from models.uva.policy import UvaPolicy

JOINTS, TASKS = ("a", "b", "c"), ("reach", "push")


def tiny(**changes: Any) -> UvaConfig:
    """Return 2 frames of 4 x 4 tokens, for chunks of 4 rows."""
    chosen: dict[str, Any] = {
        "width_px": 60, "height_px": 48, "crop_px": 40, "horizon": 4, "video_px": 32, "vae_channels": (8, 16),
        "latent_channels": 4, "n_frames": 2, "dim": 24, "n_heads": 2, "encoder_blocks": 1, "decoder_blocks": 1,
        "n_text_tokens": 2, "text_dim": 8, "pool": 2, "head_dim": 16, "head_blocks": 2,
    }  # fmt: skip
    return UvaConfig.small(joints=JOINTS, instructions=TASKS, **(chosen | changes))


def awake(config: UvaConfig) -> UvaPolicy:
    """Return a policy none of whose weights is zero: behind those that begin so, nothing would show."""
    torch.manual_seed(0)
    policy = UvaPolicy(config).eval()
    with torch.no_grad():
        for weights in policy.parameters():
            if not weights.any():
                weights.normal_(std=0.1)
    return policy


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Return standard normal numbers."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def some_moment(config: UvaConfig, batch: int = 3) -> Moment:
    """Return a batch of random moments."""
    side = config.latent_px
    return Moment(
        frames=drawn(batch, config.n_history, config.latent_channels, side, side, seed=1),
        future=drawn(batch, config.n_frames, config.latent_channels, side, side, seed=2),
        task=torch.arange(batch) % len(TASKS),
        joints_rad=drawn(batch, len(JOINTS), seed=3),
        age_s=torch.linspace(0.0, 0.4, batch),
        target_rad=drawn(batch, config.horizon, len(JOINTS), seed=4),
    )
