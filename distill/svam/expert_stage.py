"""Fits condenser, context encoder and action network: they see the world through the foresight only, and the joints as they are.

The controls are figures of every look: how far the chunk is off when the foresight is zeroed, and when it is another picture's; the
instruction stays. If these are no worse, the foresight is a decoration.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from distill.fitting import Figures, batch_of, normal_like
from distill.svam.demonstrated import ActionBatch, Demonstrated
from distill.svam.foresights import Foresights
from models.svam.policy import SvamPolicy

_LOOKED_AT = 256  # held-out pictures


class ExpertJob:
    """A foresight, fresh joints and an age in, a chunk of joint targets out."""

    def __init__(
        self, name: str, policy: SvamPolicy, told: tuple[Demonstrated, Foresights], batch_size: int, n_draws: int = 1
    ) -> None:
        """Take how many pictures make a batch, and how many ages, joints and noises are drawn for each.

        To condense a foresight costs seven times what a chunk costs, so a second chunk of the same foresight comes cheap.
        """
        self.name = name
        policy.requires_grad_(requires_grad=False)
        learning = (policy.condenser, policy.encoder, policy.action)
        for part in learning:
            part.requires_grad_(requires_grad=True)
        self.network: nn.Module = policy
        # Mean flow differentiates the action network forwards, which torch does not do through a compiled call.
        forwards = policy.config.action_objective().n_levels == 2
        self.hot: tuple[nn.Module, ...] = learning[:2] if forwards else learning
        self._demonstrated, self._foresights = told
        self._batch_size, self._n_draws = batch_size, n_draws

    def loss(self, network: nn.Module, draw: torch.Generator) -> Tensor:
        """Return the objective's loss on a random batch."""
        assert isinstance(network, SvamPolicy)
        learnt = self._demonstrated.chosen.learnt
        picture = learnt[batch_of(len(learnt), self._batch_size, draw).cpu().numpy()]
        rng = np.random.default_rng(draw.initial_seed())
        batch = self._demonstrated.batch(np.repeat(picture, self._n_draws), rng, draw.device)
        foresight = self._foresights.read(picture, draw.device)
        tokens = tokens_of(network, foresight, batch.task[:: self._n_draws]).repeat_interleave(self._n_draws, dim=0)
        noise = normal_like(batch.target_rad, draw)
        return network.action_loss(tokens, batch.joints_rad, batch.age_s, batch.target_rad, noise).mean()

    def look(self, network: nn.Module, step: int) -> Figures:
        """Return how far held-out chunks are off, in mrad: with the foresight, without it, with another one, and standing still."""
        del step
        assert isinstance(network, SvamPolicy)
        held_out, device = self._demonstrated.chosen.held_out, network.goal_table.device
        picture = held_out[np.linspace(0, len(held_out) - 1, min(_LOOKED_AT, len(held_out))).astype(np.int64)]
        batch = self._demonstrated.batch(picture, np.random.default_rng(0), device)
        foresight = self._foresights.read(picture, device)
        other = torch.from_numpy(np.random.default_rng(1).permutation(len(picture))).to(device)
        return {
            "off_mrad": _off_mrad(network, foresight, batch),
            "zeroed_off_mrad": _off_mrad(network, torch.zeros_like(foresight), batch),
            "shuffled_off_mrad": _off_mrad(network, foresight[other], batch),
            "still_off_mrad": 1000.0 * float((batch.target_rad - batch.joints_rad[:, None]).abs().mean()),
        }


def tokens_of(policy: SvamPolicy, foresight: Tensor, task: Tensor) -> Tensor:
    """Return the tokens (B, n_tokens, token_dim) of foresights (B, T, S, C) and tasks (B,)."""
    return policy.encoder(policy.condenser(foresight), policy.goal_table[task])


def _off_mrad(policy: SvamPolicy, foresight: Tensor, batch: ActionBatch) -> float:
    draw = torch.Generator(device=foresight.device).manual_seed(0)
    tokens = tokens_of(policy, foresight, batch.task)
    said = policy.decode(tokens, batch.joints_rad, batch.age_s, normal_like(batch.target_rad, draw))
    return 1000.0 * float((said - batch.target_rad).abs().mean())
