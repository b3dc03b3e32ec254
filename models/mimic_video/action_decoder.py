"""The action decoder: an inverse-dynamics model that reads chunks out of the video model's middle layer ("World2Action DiT").

    video tokens --norm--------------------------------------> read
    joints or "not told" --> token 0 --+                        |
    noisy chunk --> tokens 1..horizon -+--> + positions --> [ read -> talk -> think ] x n --> what the objective asks for
    (action time, video time), age --> condition ----------------^ shift, scale and gate of each

Every block reads the video tokens, lets the rows of the chunk talk to each other, then thinks; each of the three has a shift, a scale
and a gate from the condition, by a bottleneck of its own and a wide part that all share (AdaLN-LoRA). What decodes the chunk must know
how noisy the chunk is AND how noisy the video was that the tokens come from: the two times meet in a bilinear embedding. The joints'
token has no noise, and so a time of its own.

Added here: the age of the foresight, which the published system does not know because it is synchronous. It is embedded like a time
and added to what the two times have become, so it reaches every shift, scale and gate.

Source: mimic-video (arXiv 2512.15692) and its code, `models/world2action_dit.py`. Left out of it: that a noisy chunk is divided by
its own expected size, which only a velocity flow knows. The output layer begins at zero: at first nothing is said against the noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own spelling
from torch import Tensor, nn
from typing_extensions import override

from models.attention import Attention, FeedForward
from models.mimic_video.config import MimicVideoConfig
from models.proprioception import hidden_at_times

LONGEST_PERIOD, SHORTEST_PERIOD = 4.0, 4e-3  # of the waves that a time becomes, which is 0..1
SMOOTH_PERIOD = (
    0.63  # the shortest for an objective that differentiates by time: see models/attention.py, LevelEmbedding
)
NO_SHARE = 0.382  # where both times say nothing, their product is this squared: about the mean size of what they say
STATE_TAU = 1e-3  # the joints' own time, the paper's way round: almost no noise


class RmsNorm(nn.Module):
    """Vectors of unit mean square, times learned weights; in float32 whatever comes in, since halves cannot hold the squares."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    @override
    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        unit = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + 1e-6)
        return (unit * self.weight).to(x.dtype)


class NormedAttention(Attention):
    """Attention whose queries and keys are normalised, over a context of any width. No biases."""

    def __init__(self, dim: int, n_heads: int, context_dim: int) -> None:
        super().__init__(dim, n_heads, bias=False, out_bias=False)
        self.to_k, self.to_v = (nn.Linear(context_dim, dim, bias=False) for _ in range(2))
        self.norm_q, self.norm_k = RmsNorm(self.head_dim), RmsNorm(self.head_dim)

    @override
    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Take x (B, N, dim) and context (B, M, context_dim), x itself when absent; return (B, N, dim)."""
        told = x if context is None else context
        q, k = self.norm_q(self._heads(self.to_q(x))), self.norm_k(self._heads(self.to_k(told)))
        mixed = F.scaled_dot_product_attention(q, k, self._heads(self.to_v(told)))  # (B, heads, N, head_dim)
        return self.to_out(mixed.transpose(1, 2).flatten(2))


class Times(nn.Module):
    """Action time, video time and age -> the condition (B, 2, dim) of the joints' token and of the chunk's."""

    frequencies: Tensor  # (dim / 2,)

    def __init__(self, dim: int, n_levels: int) -> None:
        super().__init__()
        shortest = SHORTEST_PERIOD if n_levels == 1 else SMOOTH_PERIOD
        periods = torch.logspace(math.log10(LONGEST_PERIOD), math.log10(shortest), dim // 2)
        self.register_buffer("frequencies", (math.tau / periods).half().float(), persistent=False)  # exact in halves
        self.n_levels = n_levels
        self.enter_action, self.enter_video = nn.Linear(n_levels * dim, dim), nn.Linear(dim, dim)
        self.leave_action, self.leave_video = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.age = nn.Linear(dim, dim)
        for bias in (self.leave_action.bias, self.leave_video.bias):
            nn.init.constant_(bias, NO_SHARE)

    @override
    def forward(self, level: Tensor, video_level: Tensor, age: Tensor) -> Tensor:
        """Take level (B,) or (B, n_levels) as the objective has it, video_level (B,) and age (B,), both 0..1."""
        rows = level.reshape(len(level), self.n_levels)
        state = F.pad(torch.full_like(rows[:, :1], 1.0 - STATE_TAU), (0, self.n_levels - 1))
        waves = self._waves(torch.stack([state, rows], dim=1)).flatten(2)  # (B, 2, n_levels * dim)
        action = self.leave_action(F.silu(self.enter_action(waves)))
        video = self.leave_video(F.silu(self.enter_video(self._waves(video_level))))[:, None]
        # Either time alone still says something, through the other's bias; both biases alone say nothing.
        both = action * video - self.leave_action.bias * self.leave_video.bias
        return both + self.age(self._waves(age))[:, None]

    def _waves(self, x: Tensor) -> Tensor:
        # In float32 whatever the weights are: the sine of a thousand times a half is off by half a radian.
        angles = x.float()[..., None] * self.frequencies.float()
        return torch.cat([angles.sin(), angles.cos()], dim=-1).to(self.age.weight.dtype)


class Modulation(nn.Sequential):
    """A condition -> what one part of a block adds to the modulation that all share; nothing, before training."""

    def __init__(self, dim: int, inner_dim: int, n_parts: int = 3) -> None:
        wide = nn.Linear(inner_dim, n_parts * dim, bias=False)
        nn.init.zeros_(wide.weight)
        super().__init__(nn.SiLU(), nn.Linear(dim, inner_dim, bias=False), wide)


class DecoderBlock(nn.Module):
    """Read the video, talk among rows, think."""

    def __init__(self, config: MimicVideoConfig) -> None:
        super().__init__()
        dim, n_heads = config.decoder_dim, config.decoder_heads
        self.norm = nn.LayerNorm(dim, elementwise_affine=False, eps=1e-6)
        self.modulations = nn.ModuleList(Modulation(dim, config.decoder_modulation_dim) for _ in range(3))
        self.read = NormedAttention(dim, n_heads, config.transformer_dim)
        self.talk = NormedAttention(dim, n_heads, dim)
        self.think = FeedForward(dim, bias=False)

    @override
    def forward(self, x: Tensor, video: Tensor, condition: Tensor, shared: Tensor) -> Tensor:
        """Take x (B, 1 + horizon, dim), video (B, M, video dim), condition (B, 2, dim), shared modulation (B, 2, 3 * dim)."""
        read, talk, think = (modulation(condition) + shared for modulation in self.modulations)
        x = x + _gated(read, x, lambda seen: self.read(seen, video), self.norm)
        x = x + _gated(talk, x, self.talk, self.norm)
        return x + _gated(think, x, self.think, self.norm)


class ActionDecoder(nn.Module):
    """A noisy chunk, its level, the video's tokens and level, joints and age -> what the objective asks for, like the chunk."""

    def __init__(self, config: MimicVideoConfig) -> None:
        super().__init__()
        self.config = config
        dim, size = config.decoder_dim, config.decoder_dim**-0.5
        self.norm_video = nn.LayerNorm(config.transformer_dim, eps=1e-6)
        self.enter_joints, self.enter_chunk = (_widening(config.n_joints, dim) for _ in range(2))
        self.no_joints = nn.Parameter(size * torch.randn(dim))  # instead of joints, where training hides them
        self.position = nn.Parameter(size * torch.randn(1 + config.horizon, dim))
        self.times = Times(dim, config.action_objective().n_levels)
        self.norm_times = RmsNorm(dim)
        self.share = nn.Linear(dim, 3 * dim, bias=False)
        self.blocks = nn.ModuleList(DecoderBlock(config) for _ in range(config.decoder_blocks))
        self.norm = nn.LayerNorm(dim, elementwise_affine=False, eps=1e-6)
        self.modulation = Modulation(dim, config.decoder_modulation_dim, 2)
        self.leave = nn.Linear(dim, config.n_joints, bias=False)
        nn.init.zeros_(self.leave.weight)

    @override
    def forward(
        self, noisy: Tensor, level: Tensor, video: tuple[Tensor, Tensor], joints: Tensor, age_s: Tensor
    ) -> Tensor:
        """Take noisy (B, horizon, joint), level (B,), the video's tokens (B, M, dim) and their level (B,), joints (B, joint), age_s (B,).

        Joints are normalised. The video's level is its flow time: 0 where its future was pure noise.
        """
        tokens, video_level = video
        size = self.config.decoder_dim**-0.5  # entering, rows and joints are as large as positions
        told = torch.cat(
            [self._state(size * self.enter_joints(joints))[:, None], size * self.enter_chunk(noisy)], dim=1
        )
        age = age_s * (1000.0 / self.config.foresight_age_max_ms)  # 0..1
        times = self.times(level, video_level, age)  # (B, 2, dim): of the joints' token, of the rows
        shared, condition = self.share(times), self.norm_times(times)
        x, seen = told + self.position, self.norm_video(tokens)
        for block in self.blocks:
            x = block(x, seen, condition, shared)
        shift, scale = (self.modulation(condition) + shared[..., : 2 * x.shape[-1]])[:, 1:].chunk(2, dim=-1)
        return self.leave(self.norm(x[:, 1:]) * (1.0 + scale) + shift)

    def _state(self, joints: Tensor) -> Tensor:
        if not self.training:
            return joints
        return hidden_at_times(joints, self.no_joints, self.config.state_dropout_ratio)


def _gated(modulation: Tensor, x: Tensor, part: Callable[[Tensor], Tensor], norm: nn.Module) -> Tensor:
    """Return what a part of a block adds to x (B, 1 + horizon, dim); the first token has a modulation, all others share one."""
    both = torch.cat([modulation[:, :1], modulation[:, 1:].expand(-1, x.shape[1] - 1, -1)], dim=1)
    shift, scale, gate = both.chunk(3, dim=-1)
    return gate * part(norm(x) * (1.0 + scale) + shift)


def _widening(n_in: int, dim: int) -> nn.Sequential:
    """Return layers from a few numbers to a wide vector, each about four times as wide as the one before."""
    hops = max(1, round(math.log(dim / n_in, 4.0)))
    widths = [round(n_in * (dim / n_in) ** (hop / hops)) for hop in range(hops)] + [dim]
    layers: list[nn.Module] = []
    for narrow, wide in pairwise(widths):
        layers += [nn.Linear(narrow, wide), nn.GELU()]
    return nn.Sequential(*layers[:-1])
