"""The action expert, in two halves: a context encoder that runs once per foresight, and an action network that runs every tick.

The released expert (MDT's diffusion transformer, as in VPP and S-VAM: `diffusion_decoder.py`) encodes goal and condensed future by
self-attention, then decodes a chunk with adaptive norms and cross-attention. Its encoder depends on neither chunk nor noise level,
so hoisting it out is exact: the tokens that cross from foresight to action ARE the encoded context.

Chosen here where the published system is unhelpful or silent:

- Cross-attention is unmasked. The released one is causal by a slip: action i attends to the first i + 1 context tokens only.
- So is self-attention among the rows of a chunk, which need position embeddings then: one step decodes the whole chunk at once.
- The expert reads fresh joints and the foresight's age; the published one reads neither, and cannot act between two foresights.
  Joints are one more token, replaced by a learned one in a share of the training samples (mimic-video's remedy, arXiv 2512.15692),
  because a policy that sees its own state is tempted to look at nothing else. The age enters beside the noise level.
- The released network has a second, unused goal branch and a frozen, unused position embedding: left out.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own spelling
from torch import Tensor, nn
from typing_extensions import override

from models.attention import Attention, FeedForward, LevelEmbedding, ScalarEmbedding, TransformerBlock
from models.proprioception import ReadsJoints
from models.svam.config import SvamConfig


class ContextEncoder(nn.Module):
    """Goal and condensed future -> the tokens of a foresight (B, n_tokens, token_dim)."""

    def __init__(self, config: SvamConfig) -> None:
        super().__init__()
        dim = config.token_dim
        self.enter_goal = nn.Sequential(nn.Linear(config.goal_dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
        self.enter_future = nn.Linear(dim, dim)
        self.blocks = nn.Sequential(
            *(
                TransformerBlock(dim, config.expert_heads, config.expert_dropout_ratio)
                for _ in range(config.encoder_blocks)
            )
        )
        self.norm = nn.LayerNorm(dim)

    @override
    def forward(self, future: Tensor, goal: Tensor) -> Tensor:
        """Take condensed future (B, T * q, token_dim) and goal (B, goal_dim)."""
        x = torch.cat([self.enter_goal(goal)[:, None], self.enter_future(future)], dim=1)
        return self.norm(self.blocks(x))


class ActionBlock(nn.Module):
    """Self-attention and feed-forward whose shift, scale and gate come from the condition; cross-attention between them."""

    def __init__(self, config: SvamConfig) -> None:
        super().__init__()
        dim = config.token_dim
        self.modulate = nn.Linear(dim, 6 * dim)
        self.norm_1 = nn.LayerNorm(dim, elementwise_affine=False)
        self.attention = Attention(dim, config.expert_heads)
        self.norm_2 = nn.LayerNorm(dim)
        self.read = Attention(dim, config.expert_heads)
        self.norm_3 = nn.LayerNorm(dim, elementwise_affine=False)
        self.feed_forward = FeedForward(dim)
        self.dropout = nn.Dropout(config.expert_dropout_ratio)

    @override
    def forward(self, x: Tensor, context: Tensor, condition: Tensor) -> Tensor:
        """Take x (B, N, dim), context (B, M, dim), condition (B, dim)."""
        parts = self.modulate(F.silu(condition))[:, None].chunk(6, dim=-1)  # six of (B, 1, dim)
        shift_1, scale_1, gate_1, shift_3, scale_3, gate_3 = parts
        x = x + gate_1 * self.dropout(self.attention(self.norm_1(x) * (1.0 + scale_1) + shift_1))
        x = x + self.dropout(self.read(self.norm_2(x), context))
        return x + gate_3 * self.dropout(self.feed_forward(self.norm_3(x) * (1.0 + scale_3) + shift_3))


class ActionNet(ReadsJoints):
    """A noisy chunk, its noise level, tokens, fresh joints and the tokens' age -> what the objective asks for, like the chunk."""

    def __init__(self, config: SvamConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.token_dim
        self.enter_chunk = nn.Linear(config.n_joints, dim)
        self.enter_joints = nn.Sequential(nn.Linear(config.n_joints, 2 * dim), nn.SiLU(), nn.Linear(2 * dim, dim))
        self.no_joints = nn.Parameter(torch.zeros(dim))  # instead of joints, where training hides them
        self.position = nn.Parameter(0.02 * torch.randn(1 + config.horizon, dim))
        self.level, self.age = LevelEmbedding(dim, config.action_objective().n_levels), ScalarEmbedding(dim)
        self.blocks = nn.ModuleList(ActionBlock(config) for _ in range(config.decoder_blocks))
        self.leave = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, config.n_joints))

    @override
    def forward(self, noisy: Tensor, level: Tensor, tokens: Tensor, joints: Tensor, age_s: Tensor) -> Tensor:
        """Take noisy (B, horizon, joint), tokens (B, n_tokens, dim), joints (B, joint) normalised, age_s (B,).

        `level` is (B,), or (B, 2) where the objective has two levels.
        """
        age = age_s * (1000.0 / self.config.foresight_age_max_ms)  # 0..1
        condition = self.level(level) + self.age(age)  # (B, dim)
        x = torch.cat([self.state(joints, self.config)[:, None], self.enter_chunk(noisy)], dim=1) + self.position
        for block in self.blocks:
            x = block(x, tokens, condition)
        return self.leave(x[:, 1:])
