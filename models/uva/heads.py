"""The two light heads on the joint latent: one says actions, one says pictures; neither knows of the other.

Both are MAR's small perceptron, which sees one row at a time (an action, or one token of one frame) and is told of it by adaptive
norms. The published heads are diffusion models of 1000 steps, of which 100 are drawn in simulation and 16 on a robot. Here they are
flows of models/flow.py, trained near the noise, so that one step decodes: a hundred passes of even this head cost more than
the 4 ms that a control tick has on one core, and one-step flows are what the other families run ("Let It Be Simple", arXiv 2606.05737).
A flow says one number for each of a row; the published head says two, the second being a variance, which only diffusion draws by.

What a chunk needs beyond the published head: it is decoded again and again from one foresight, which grows old meanwhile, from joints
that are fresh. So rows no longer stand at fixed times of the joint latent: row k lies `age` later in it each time. The aggregator's
rows, one for each action of a chunk that begins with the frame, are therefore the foresight's *tokens*, and each row of the chunk looks
for its own among them: a query of its number, the age and the joints, by cross-attention. That is what the fast graph computes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own spelling
from torch import Tensor, nn
from typing_extensions import override

from models.attention import Attention, FeedForward, LevelEmbedding, ScalarEmbedding
from models.proprioception import ReadsJoints
from models.uva.config import UvaConfig

_LEVEL_WAVES = 256  # sines and cosines of the level, whatever the width, as in MAR


class RowLevel(LevelEmbedding):
    """The level of each row -> a vector, through as many waves as MAR has."""

    def __init__(self, dim: int, n_levels: int) -> None:
        super().__init__(_LEVEL_WAVES, n_levels)
        for part in (self,) if self.span is None else (self, self.span):
            part.enter, part.leave = nn.Linear(_LEVEL_WAVES, dim), nn.Linear(dim, dim)


class RowBlock(nn.Module):
    """Two layers whose shift, scale and gate come from the condition."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.modulate = nn.Linear(dim, 3 * dim)
        self.mlp = nn.Sequential(nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, dim))
        _silence(self.modulate)

    @override
    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Take x and condition (N, dim)."""
        shift, scale, gate = self.modulate(F.silu(condition)).chunk(3, dim=-1)
        return x + gate * self.mlp(self.norm(x) * (1.0 + scale) + shift)


class RowMlp(nn.Module):
    """Noisy rows (N, channels), their level (N,) and what is known of them (N, config.dim) -> what the objective asks for (N, channels)."""

    def __init__(self, config: UvaConfig, channels: int, n_levels: int = 1) -> None:
        super().__init__()
        dim = config.head_dim
        self.level, self.told = RowLevel(dim, n_levels), nn.Linear(config.dim, dim)
        self.enter = nn.Linear(channels, dim)
        self.blocks = nn.ModuleList(RowBlock(dim) for _ in range(config.head_blocks))
        self.norm = nn.LayerNorm(dim, elementwise_affine=False)
        self.modulate, self.leave = nn.Linear(dim, 2 * dim), nn.Linear(dim, channels)
        _silence(self.modulate, self.leave)

    @override
    def forward(self, noisy: Tensor, level: Tensor, told: Tensor) -> Tensor:
        condition = self.level(level) + self.told(told)  # (N, dim)
        x = self.enter(noisy)
        for block in self.blocks:
            x = block(x, condition)
        shift, scale = self.modulate(F.silu(condition)).chunk(2, dim=-1)
        return self.leave(self.norm(x) * (1.0 + scale) + shift)


class Aggregator(nn.Module):
    """The joint latent (B, T, S, dim) -> a vector for each action (B, horizon, dim), as in the release (`conv_fc`)."""

    def __init__(self, config: UvaConfig) -> None:
        super().__init__()
        dim = config.dim
        self.grid, self.pooled = config.grid, config.grid // config.pool
        self.look = nn.Conv2d(dim, dim, kernel_size=3, padding=1)
        self.gather = nn.Sequential(nn.Linear(dim * config.pool**2, dim), nn.ReLU(), nn.Linear(dim, dim))
        self.spread = nn.Linear(config.n_frames, config.horizon)
        self.refine = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim))

    @override
    def forward(self, latent: Tensor) -> Tensor:
        batch, n_frames = latent.shape[:2]
        maps = latent.flatten(0, 1).transpose(1, 2).reshape(batch * n_frames, -1, self.grid, self.grid)
        seen = F.avg_pool2d(F.relu(self.look(maps)), self.pooled)  # (B * T, dim, pool, pool)
        frames = self.gather(seen.flatten(1)).view(batch, n_frames, -1)
        rows = self.spread(frames.transpose(1, 2)).transpose(1, 2)  # along time
        return self.refine(rows)


class Reader(nn.Module):
    """Queries (B, horizon, dim) look something up in tokens (B, horizon, dim)."""

    def __init__(self, config: UvaConfig) -> None:
        super().__init__()
        dim = config.dim
        self.norm_1, self.norm_2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.read = Attention(dim, config.n_heads)
        self.feed_forward = FeedForward(dim)

    @override
    def forward(self, asking: Tensor, told: Tensor) -> Tensor:
        asking = asking + self.read(self.norm_1(asking), told)
        return asking + self.feed_forward(self.norm_2(asking))


class ActionHead(ReadsJoints):
    """What the foresight's tokens, fresh joints and the tokens' age tell each row of a chunk; and the noisy chunk, row by row."""

    def __init__(self, config: UvaConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.dim
        self.row = nn.Parameter(0.02 * torch.randn(config.horizon, dim))
        self.token = nn.Parameter(0.02 * torch.randn(config.horizon, dim))
        self.enter_joints = nn.Sequential(nn.Linear(config.n_joints, 2 * dim), nn.SiLU(), nn.Linear(2 * dim, dim))
        self.no_joints = nn.Parameter(torch.zeros(dim))  # instead of joints, where training hides them
        self.age = ScalarEmbedding(dim)
        self.norm = nn.LayerNorm(dim)
        self.readers = nn.ModuleList(Reader(config) for _ in range(config.reader_blocks))
        self.rows = RowMlp(config, config.n_joints, config.action_objective().n_levels)

    def told(self, tokens: Tensor, joints: Tensor, age_s: Tensor) -> Tensor:
        """Return what each row knows (B, horizon, dim), of tokens (B, horizon, dim), joints (B, joint) normalised, age_s (B,)."""
        age = age_s * (1000.0 / self.config.foresight_age_max_ms)  # 0..1
        asking = self.row + (self.age(age) + self.state(joints, self.config))[:, None]  # (B, horizon, dim)
        known = self.norm(tokens) + self.token
        for reader in self.readers:
            asking = reader(asking, known)
        return asking

    @override
    def forward(self, noisy: Tensor, level: Tensor, told: Tensor) -> Tensor:
        """Take a noisy chunk (B, horizon, joint), its level (B,) or (B, 2), and what its rows know; return like the chunk."""
        levels = level[:, None].expand(-1, noisy.shape[1], *level.shape[1:]).flatten(0, 1)
        return self.rows(noisy.flatten(0, 1), levels, told.flatten(0, 1)).view(noisy.shape)


def _silence(*layers: nn.Linear) -> None:
    for layer in layers:
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
