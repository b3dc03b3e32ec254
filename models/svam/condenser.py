"""The query condenser ("Uni-Perceiver"): features of T frames -> a few tokens a frame.

Learned queries read their own frame (keys and values are the frame's places and the queries themselves), then talk to the same
query of the other frames, then pass a feed-forward. Sources: S-VAM (arXiv 2603.16195) and its `Video_Former.py`, which is VPP's
(arXiv 2412.14803) after Flamingo's resampler (arXiv 2204.14198). As in the code, the attention over time has no norm before it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import override

from models.attention import Attention, FeedForward
from models.svam.config import SvamConfig


class CondenserLayer(nn.Module):
    """Read the frame, compare with other frames, think."""

    def __init__(self, config: SvamConfig) -> None:
        super().__init__()
        dim, n_heads = config.token_dim, config.condenser_heads
        self.norm_frame, self.norm_queries = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.read = Attention(dim, n_heads, config.condenser_head_dim, bias=False, out_bias=False)
        self.compare = Attention(dim, n_heads)
        self.think = nn.Sequential(nn.LayerNorm(dim), FeedForward(dim, bias=False))

    @override
    def forward(self, queries: Tensor, frame: Tensor) -> Tensor:
        """Take queries (B, T, q, dim) and frames (B, T, S, dim); return queries."""
        batch, n_frames, n_queries = queries.shape[:3]
        x = queries.flatten(0, 1)  # (B * T, q, dim)
        asking = self.norm_queries(x)
        x = x + self.read(asking, torch.cat([self.norm_frame(frame.flatten(0, 1)), asking], dim=1))
        x = x.view(batch, n_frames, n_queries, -1).transpose(1, 2).flatten(0, 1)  # (B * q, T, dim)
        x = x + self.compare(x)
        x = x.view(batch, n_queries, n_frames, -1).transpose(1, 2)  # (B, T, q, dim)
        return x + self.think(x)


class Condenser(nn.Module):
    """One-step, semantic and geometric features (B, T, S, C) -> tokens (B, T * q, token_dim)."""

    def __init__(self, config: SvamConfig) -> None:
        super().__init__()
        dim = config.token_dim
        self.enter = nn.Sequential(nn.Linear(config.seen_dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
        self.frame_position = nn.Parameter(torch.randn(config.n_frames, 1, dim))
        self.queries = nn.Parameter(torch.randn(config.n_frames, config.queries_per_frame, dim))
        self.layers = nn.ModuleList(CondenserLayer(config) for _ in range(config.condenser_layers))
        self.norm = nn.LayerNorm(dim)

    @override
    def forward(self, foresight: Tensor) -> Tensor:
        """Take what the expert is shown (B, T, S, C): one-step, semantic and geometric features side by side, as the code orders them."""
        frame = self.enter(foresight) + self.frame_position  # (B, T, S, dim)
        x = self.queries.expand(len(frame), -1, -1, -1)  # (B, T, q, dim)
        for layer in self.layers:
            x = layer(x, frame)
        return self.norm(x.flatten(1, 2))
