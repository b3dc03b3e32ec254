"""The trunk: observed frames, future frames and actions, each shown or masked -> one joint latent for each token of the future.

At each place of each future frame, three vectors stand side by side and become one: the future frame's token, the observed frame's,
and the action's that falls there. What is not to be known is replaced by a learned vector, one for pictures and one for actions, as
in the release. Then masked autoencoding as in MAR, except that nothing is dropped: an encoder and a decoder, both over all tokens,
with new positions between them.

    future frame's token | mask --+
    observed frame's     | mask --+--> linear --> + place and time --> text tokens in front --> encoder --> decoder --> joint latent
    action's             | mask --+

Sources: UVA (arXiv 2503.00200) and its `mar_con_unified.py`; MAR (arXiv 2406.11838). One thing differs by choice: an action carries
the age of the picture beside it, because here the actions begin when the joints are read, some age after the frame, and not with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own spelling
from torch import Tensor, nn
from typing_extensions import override

from models.attention import TransformerBlock
from models.uva.config import UvaConfig

_SPREAD = 0.02  # of learned positions and masks, as in MAR


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the trunk is told; None is masked."""

    observed: Tensor | None  # (B, n_history, S, patch_dim), oldest first
    future: Tensor | None  # (B, T, S, patch_dim)
    hidden: Tensor | None  # (B, S): which places of every future frame are masked all the same
    actions: Tensor | None  # (B, horizon, joint + 1): normalised targets, and the age of the frame beside them, 0..1
    text: Tensor  # (B, text_dim)


class Places(nn.Module):
    """A learned vector for each token of the future: its time's and its place's."""

    def __init__(self, config: UvaConfig) -> None:
        super().__init__()
        self.time = nn.Parameter(_SPREAD * torch.randn(config.n_frames, 1, config.dim))
        self.place = nn.Parameter(_SPREAD * torch.randn(config.n_places, config.dim))

    @override
    def forward(self) -> Tensor:
        """Return (T * S, dim)."""
        return (self.time + self.place).flatten(0, 1)


class Trunk(nn.Module):
    """What is shown -> the joint latent (B, T, S, dim)."""

    def __init__(self, config: UvaConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.dim
        self.enter_future, self.enter_observed = nn.Linear(config.patch_dim, dim), nn.Linear(config.patch_dim, dim)
        self.enter_actions = nn.Linear(config.n_joints + 1, dim)
        self.enter_text = nn.Linear(config.text_dim, dim)
        self.no_picture, self.no_action, self.no_text = (nn.Parameter(_SPREAD * torch.randn(dim)) for _ in range(3))
        self.fuse = nn.Linear(3 * dim, dim)
        self.norm = nn.LayerNorm(dim)
        self.encoder_places, self.decoder_places, self.head_places = (Places(config) for _ in range(3))
        self.encoder_text, self.decoder_text = (
            nn.Parameter(_SPREAD * torch.randn(config.n_text_tokens, dim)) for _ in range(2)
        )
        self.encoder, self.decoder = (
            nn.Sequential(*(TransformerBlock(dim, config.n_heads, config.dropout_ratio) for _ in range(n)))
            for n in (config.encoder_blocks, config.decoder_blocks)
        )
        self.encoder_norm, self.decoder_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.enter_decoder = nn.Linear(dim, dim)

    @override
    def forward(self, shown: Shown) -> Tensor:
        batch, n_text = len(shown.text), self.config.n_text_tokens
        fused = self.fuse(torch.cat([self._future(shown), self._observed(shown), self._actions(shown)], dim=-1))
        x = torch.cat([self._text(shown.text), fused + self.encoder_places()], dim=1)  # (B, L + T * S, dim)
        x = self.encoder_norm(self.encoder(self.norm(x)))
        x = self.enter_decoder(x) + torch.cat([self.decoder_text, self.decoder_places()])
        z = self.decoder_norm(self.decoder(x))[:, n_text:] + self.head_places()
        return z.view(batch, self.config.n_frames, self.config.n_places, -1)

    def _future(self, shown: Shown) -> Tensor:
        if shown.future is None:
            return self._masked(shown.text)
        x = self.enter_future(shown.future)  # (B, T, S, dim)
        if shown.hidden is not None:
            x = torch.where(shown.hidden[:, None, :, None], self.no_picture, x)  # the same places of every frame
        return x.flatten(1, 2)

    def _observed(self, shown: Shown) -> Tensor:
        if shown.observed is None:
            return self._masked(shown.text)
        x = self.enter_observed(shown.observed)  # (B, n_history, S, dim)
        n_frames, n_history = self.config.n_frames, self.config.n_history
        beside = [
            frame * n_history // n_frames for frame in range(n_frames)
        ]  # each future frame's: one for all, or one each
        return torch.stack([x[:, at] for at in beside], dim=1).flatten(1, 2)

    def _actions(self, shown: Shown) -> Tensor:
        if shown.actions is None:
            return self.no_action.expand(len(shown.text), self._n_tokens, -1)
        x = self.enter_actions(shown.actions)  # (B, horizon, dim)
        return x.repeat_interleave(self._n_tokens // self.config.horizon, dim=1)

    def _masked(self, like: Tensor) -> Tensor:
        return self.no_picture.expand(len(like), self._n_tokens, -1)

    def _text(self, text: Tensor) -> Tensor:
        told = self.enter_text(text)  # (B, dim)
        if self.training:
            forgotten = torch.rand(len(told), 1, device=told.device) < self.config.text_dropout_ratio
            told = torch.where(forgotten, self.no_text, told)
        return told[:, None] + self.encoder_text  # the same word, at each of its positions

    @property
    def _n_tokens(self) -> int:
        return self.config.n_frames * self.config.n_places


def patches(latents: Tensor, side: int) -> Tensor:
    """Return tokens (B, T, S, c * side^2) of latents (B, T, c, g, g)."""
    cut = F.pixel_unshuffle(latents.flatten(0, 1), side)  # (B * T, c * side^2, g / side, g / side)
    return cut.flatten(2).transpose(1, 2).reshape(*latents.shape[:2], -1, cut.shape[1])


def from_patches(tokens: Tensor, side: int) -> Tensor:
    """Return latents (B, T, c, g, g) of tokens (B, T, S, c * side^2)."""
    grid = round(tokens.shape[2] ** 0.5)
    maps = tokens.flatten(0, 1).transpose(1, 2).reshape(-1, tokens.shape[3], grid, grid)
    whole = F.pixel_shuffle(maps, side)
    return whole.view(*tokens.shape[:2], *whole.shape[1:])
