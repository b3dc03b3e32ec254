"""Decouplers: the video model's noisy, entangled one-step features -> what a vision expert would see in each future frame.

Two of them, semantic and geometric, each trained alone by plain squared error against the expert's features of the frames that the
video model itself generates from the same noise. Source: S-VAM (arXiv 2603.16195) and its `hidden2dino/model_spail_tem_attention.py`.

Paper and code disagree on how the current frame's features enter: the paper puts them beside the one-step features and projects
both; the code projects them to the features' width and adds. The code's form is taken: it is the one whose parameter counts are
published (106,155,264 semantic). There is no up-sampling and there are no position embeddings: the features carry their places.
"""

from __future__ import annotations

from torch import Tensor, nn
from typing_extensions import override

from models.attention import TransformerBlock
from models.svam.config import SvamConfig


class SpaceTimeBlock(nn.Module):
    """Attention over the places of each frame, then over the frames at each place; each with its feed-forward."""

    def __init__(self, dim: int, n_heads: int, dropout_ratio: float) -> None:
        super().__init__()
        self.space = TransformerBlock(dim, n_heads, dropout_ratio)
        self.time = TransformerBlock(dim, n_heads, dropout_ratio)

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Take and return (B, T, S, dim)."""
        batch, n_frames, n_places = x.shape[:3]
        x = self.space(x.flatten(0, 1)).view(batch, n_frames, n_places, -1)  # (B, T, S, dim)
        x = x.transpose(1, 2)  # (B, S, T, dim)
        return self.time(x.flatten(0, 1)).view(batch, n_places, n_frames, -1).transpose(1, 2)


class Decoupler(nn.Module):
    """One-step features and the current frame's expert features -> expert features of all T frames."""

    def __init__(self, config: SvamConfig, expert_dim: int) -> None:
        super().__init__()
        dim = config.decoupler_dim
        self.adapt_anchor = nn.Conv2d(expert_dim, config.feature_dim, kernel_size=1)
        self.enter = nn.Sequential(nn.LayerNorm(config.feature_dim), nn.Linear(config.feature_dim, dim))
        self.blocks = nn.Sequential(
            *(
                SpaceTimeBlock(dim, config.decoupler_heads, config.decoupler_dropout_ratio)
                for _ in range(config.decoupler_blocks)
            )
        )
        self.leave = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, expert_dim))

    @override
    def forward(self, features: Tensor, anchor: Tensor) -> Tensor:
        """Take features (B, T, C, g, g) and anchor (B, expert_dim, g, g); return (B, T, g * g, expert_dim)."""
        x = features + self.adapt_anchor(anchor)[:, None]  # the same anchor for every frame
        x = x.flatten(3).transpose(2, 3)  # (B, T, g * g, C)
        return self.leave(self.blocks(self.enter(x)))
