"""Attention and feed-forward: the two parts that every transformer here is made of."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own spelling
from torch import Tensor, nn
from typing_extensions import override

_SLOW = 10.0  # the highest frequency of levels that a network is differentiated by


class Attention(nn.Module):
    """Full multi-head attention of `x` over itself, or over a context of the same width.

    Vaswani et al., "Attention Is All You Need", 2017. No mask: nothing in these policies is autoregressive.
    """

    def __init__(self, dim: int, n_heads: int, head_dim: int = 0, *, bias: bool = True, out_bias: bool = True) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.head_dim = head_dim or dim // n_heads
        inner_dim = n_heads * self.head_dim
        self.to_q = nn.Linear(dim, inner_dim, bias=bias)
        self.to_k = nn.Linear(dim, inner_dim, bias=bias)
        self.to_v = nn.Linear(dim, inner_dim, bias=bias)
        self.to_out = nn.Linear(inner_dim, dim, bias=out_bias)

    @override
    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Take x (B, N, dim) and context (B, M, dim), x itself when absent; return (B, N, dim)."""
        told = x if context is None else context
        q, k, v = self._heads(self.to_q(x)), self._heads(self.to_k(told)), self._heads(self.to_v(told))
        mixed = F.scaled_dot_product_attention(q, k, v)  # (B, heads, N, head_dim)
        return self.to_out(mixed.transpose(1, 2).flatten(2))

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:-1], self.n_heads, self.head_dim).transpose(1, 2)  # (B, heads, N, head_dim)


class FeedForward(nn.Sequential):
    """Two linear layers with a GELU between them, four times as wide inside."""

    def __init__(self, dim: int, *, bias: bool = True) -> None:
        super().__init__(nn.Linear(dim, 4 * dim, bias=bias), nn.GELU(), nn.Linear(4 * dim, dim, bias=bias))


class TransformerBlock(nn.Module):
    """Pre-norm self-attention, then feed-forward, both residual."""

    def __init__(self, dim: int, n_heads: int, dropout_ratio: float = 0.0) -> None:
        super().__init__()
        self.norm_1 = nn.LayerNorm(dim)
        self.attention = Attention(dim, n_heads)
        self.norm_2 = nn.LayerNorm(dim)
        self.feed_forward = FeedForward(dim)
        self.dropout = nn.Dropout(dropout_ratio)

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Take and return (B, N, dim)."""
        x = x + self.dropout(self.attention(self.norm_1(x)))
        return x + self.dropout(self.feed_forward(self.norm_2(x)))


class ScalarEmbedding(nn.Module):
    """One number per sample -> a vector: sines and cosines at periods from 2 pi down to 2 pi / highest, then two layers."""

    frequencies: Tensor  # (dim / 2,)

    def __init__(self, dim: int, highest: float = 1000.0) -> None:
        super().__init__()
        frequencies = (
            torch.logspace(0.0, math.log10(highest), dim // 2).half().float()
        )  # exact in halves, should the module become one of them
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.enter = nn.Linear(dim, 2 * dim)
        self.leave = nn.Linear(2 * dim, dim)

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Take x (B,), of the order of 1; return (B, dim)."""
        # In float32 whatever the weights are: a thousand times a half is off by half a radian.
        angles = x.float()[:, None] * self.frequencies.float()  # (B, dim / 2)
        waves = torch.cat([angles.sin(), angles.cos()], dim=-1)
        return self.leave(F.silu(self.enter(waves.to(self.enter.weight.dtype))))


class LevelEmbedding(ScalarEmbedding):
    """A noise level -> a vector; with two levels, the time and the span to a later time (models/one_step.py).

    With one level it is a ScalarEmbedding, weights and all. Two are told at low frequencies: their objective differentiates the
    network by time, and at a thousand waves a unit the derivative would be nothing but waves (Lu and Song, "Simplifying, Stabilizing
    and Scaling Continuous-Time Consistency Models", 2024, section 4.1).
    """

    def __init__(self, dim: int, n_levels: int = 1) -> None:
        super().__init__(dim, 1000.0 if n_levels == 1 else _SLOW)
        self.span = None if n_levels == 1 else ScalarEmbedding(dim, _SLOW)

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Take levels (B,), or (B, 2) where there are two; return (B, dim)."""
        if self.span is None:
            return super().forward(x)
        return super().forward(x[:, 0]) + self.span(x[:, 1])
