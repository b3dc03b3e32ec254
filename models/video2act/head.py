"""The fast head: RDT's diffusion transformer, which reads text and video tokens in turns.

    [noise level, age, joints, chunk] --> block: self-attention, reads the text   , feed-forward
                                      --> block: self-attention, reads the streams, feed-forward --> ... --> the chunk's rows

As in RDT-1B (arXiv 2410.07864) and the release: the level is a token of its own and modulates nothing, norms are RMS norms, queries and
keys are normalised, the last layer begins at zero, and the clean chunk is said. Otherwise than there:

- The second scalar is the tokens' age; in the release it is the control frequency, one number for one robot. The release's cache of its
  slow system makes tokens up to 512 control steps old, and its training has never seen an old one: here training samples ages.
- It sees no picture. In the release SigLIP looks at six at every call; here the fast half of a bundle is told tokens and joints.
- Joints are replaced by a learned token in a share of the training samples: a policy that sees its own state is tempted to look at
  nothing else (mimic-video's remedy, arXiv 2512.15692).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own spelling
from torch import Tensor, nn
from typing_extensions import override

from models.attention import Attention, LevelEmbedding, ScalarEmbedding
from models.proprioception import ReadsJoints
from models.video2act.config import Video2ActConfig

N_BEFORE_CHUNK = 3  # noise level, age, joints
_NORM_EPSILON = 1e-6


class NormedAttention(Attention):
    """Attention whose queries and keys are normalised, each head by itself."""

    def __init__(self, dim: int, n_heads: int) -> None:
        super().__init__(dim, n_heads)
        self.q_norm = nn.RMSNorm(self.head_dim, eps=_NORM_EPSILON)
        self.k_norm = nn.RMSNorm(self.head_dim, eps=_NORM_EPSILON)

    @override
    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        told = x if context is None else context
        q, k, v = self._heads(self.to_q(x)), self._heads(self.to_k(told)), self._heads(self.to_v(told))
        mixed = F.scaled_dot_product_attention(self.q_norm(q), self.k_norm(k), v)  # (B, heads, N, head_dim)
        return self.to_out(mixed.transpose(1, 2).flatten(2))


class HeadBlock(nn.Module):
    """Self-attention, a look at the context, a feed-forward; all pre-norm and residual, none modulated."""

    def __init__(self, config: Video2ActConfig) -> None:
        super().__init__()
        dim, wide = config.token_dim, config.feed_forward_ratio * config.token_dim
        self.norm_1 = nn.RMSNorm(dim, eps=_NORM_EPSILON)
        self.attention = NormedAttention(dim, config.head_heads)
        self.norm_2 = nn.RMSNorm(dim, eps=_NORM_EPSILON)
        self.read = NormedAttention(dim, config.head_heads)
        self.norm_3 = nn.RMSNorm(dim, eps=_NORM_EPSILON)
        self.feed_forward = nn.Sequential(nn.Linear(dim, wide), nn.GELU(approximate="tanh"), nn.Linear(wide, dim))
        self.dropout = nn.Dropout(config.dropout_ratio)

    @override
    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Take x (B, N, dim) and context (B, M, dim)."""
        x = x + self.dropout(self.attention(self.norm_1(x)))
        x = x + self.dropout(self.read(self.norm_2(x), context))
        return x + self.dropout(self.feed_forward(self.norm_3(x)))


class Head(ReadsJoints):
    """A noisy chunk, its noise level, tokens, fresh joints and the tokens' age -> what the objective asks for, like the chunk."""

    def __init__(self, config: Video2ActConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.token_dim
        self.enter_chunk = nn.Linear(config.n_joints, dim)
        self.enter_joints = nn.Sequential(
            nn.Linear(config.n_joints, dim), nn.GELU(approximate="tanh"), nn.Linear(dim, dim)
        )
        self.no_joints = nn.Parameter(torch.zeros(dim))  # instead of joints, where training hides them
        self.level = LevelEmbedding(dim, config.action_objective().n_levels)
        self.age = ScalarEmbedding(dim)
        self.position = nn.Parameter(0.02 * torch.randn(N_BEFORE_CHUNK + config.horizon, dim))
        self.blocks = nn.ModuleList(HeadBlock(config) for _ in range(config.head_blocks))
        last = nn.Linear(dim, config.n_joints)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.leave = nn.Sequential(
            nn.RMSNorm(dim, eps=_NORM_EPSILON), nn.Linear(dim, dim), nn.GELU(approximate="tanh"), last
        )

    @override
    def forward(self, noisy: Tensor, level: Tensor, tokens: Tensor, joints: Tensor, age_s: Tensor) -> Tensor:
        """Take noisy (B, horizon, joint), level (B,), tokens (B, n_tokens, dim), joints (B, joint) normalised, age_s (B,)."""
        n_text = self.config.n_text_tokens
        contexts = (tokens[:, :n_text], tokens[:, n_text:])
        age = age_s * (1000.0 / self.config.foresight_age_max_ms)  # 0..1
        told = torch.stack([self.level(level), self.age(age), self.state(joints, self.config)], dim=1)
        x = torch.cat([told, self.enter_chunk(noisy)], dim=1) + self.position  # (B, 3 + horizon, dim)
        for index, block in enumerate(self.blocks):
            x = block(x, contexts[index % 2])
        return self.leave(x[:, N_BEFORE_CHUNK:])
