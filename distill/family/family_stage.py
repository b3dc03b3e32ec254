"""Fits a policy of any family to moments.

The controls are figures of every look: how far the chunk is off when the tokens are zeroed, and when they are those of another moment
of the same task, so that the instruction stays. If these are no worse, the foresight is a decoration.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from distill.family.moments import Moments
from distill.fitting import Figures, batch_of, normal_like
from models.moment import Moment
from models.policy import TrainablePolicy, as_trainable

_LOOKED_AT, _AT_ONCE = 256, 32  # held-out pictures


class FamilyJob:
    """Moments in, the family's own loss out."""

    def __init__(self, name: str, policy: TrainablePolicy, moments: Moments, batch_size: int) -> None:
        self.name = name
        self.network: nn.Module = policy
        self.hot: tuple[nn.Module, ...] = policy.hot
        self._moments, self._batch_size = moments, batch_size

    def loss(self, network: nn.Module, draw: torch.Generator) -> Tensor:
        """Return the loss of a random batch."""
        learnt = self._moments.learnt
        picture = learnt[batch_of(len(learnt), self._batch_size, draw).cpu().numpy()]
        moment = self._moments.of(picture, np.random.default_rng(draw.initial_seed()))
        return as_trainable(network).loss(moment, draw).mean()

    def look(self, network: nn.Module, step: int) -> Figures:
        """Return how far held-out chunks are off, in mrad: with the tokens, without them, with others, and standing still."""
        del step
        policy = as_trainable(network)
        held_out = self._moments.held_out
        picture = held_out[np.linspace(0, len(held_out) - 1, min(_LOOKED_AT, len(held_out))).astype(np.int64)]
        rng = np.random.default_rng(0)
        parts = [self._moments.of(part, rng) for part in np.array_split(picture, -(-len(picture) // _AT_ONCE))]
        tokens = torch.cat([policy.tokens(part, None) for part in parts])
        task = torch.cat([part.task for part in parts]).cpu().numpy()
        other = tokens[torch.from_numpy(others_of_a_task(task)).to(tokens.device)]
        return {
            "off_mrad": _off_mrad(policy, tokens, parts),
            "zeroed_off_mrad": _off_mrad(policy, torch.zeros_like(tokens), parts),
            "shuffled_off_mrad": _off_mrad(policy, other, parts),
            "still_off_mrad": _mean_mrad([part.joints_rad[:, None] - part.target_rad for part in parts]),
        }


def others_of_a_task(task: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each of these moments (B,) another one of its task, half the moments of that task further on."""
    other = np.arange(len(task))
    for one in np.unique(task):
        rows = np.flatnonzero(task == one)
        other[rows] = np.roll(rows, -(len(rows) // 2))
    return other


def _off_mrad(policy: TrainablePolicy, tokens: Tensor, parts: list[Moment]) -> float:
    draw = torch.Generator(device=tokens.device).manual_seed(0)
    ends = np.cumsum([len(part) for part in parts])[:-1]
    told = tokens.tensor_split(ends.tolist())
    said = [
        policy.decode(seen, part.joints_rad, part.age_s, normal_like(part.target_rad, draw))
        for seen, part in zip(told, parts, strict=True)
    ]
    return _mean_mrad([one - part.target_rad for one, part in zip(said, parts, strict=True)])


def _mean_mrad(off_rad: list[Tensor]) -> float:
    return 1000.0 * float(torch.cat(off_rad).float().abs().mean())
