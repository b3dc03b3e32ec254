"""How action networks read joints: as a token of their own, hidden from a share of the training samples.

An action head that always sees the joints can go by them alone, and follow the demonstrations' habit instead of what the foresight says.
Hiding them at times stops that shortcut (mimic-video, arXiv 2512.15692, and its SO-101 port, which hides them from half the samples).
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn


class _Sizes(Protocol):
    @property
    def sees_joints(self) -> bool: ...

    @property
    def state_dropout_ratio(self) -> float: ...


def hidden_at_times(state: Tensor, instead: Tensor, hidden_ratio: float) -> Tensor:
    """Return states (B, dim), of which a share `hidden_ratio`, drawn from torch's own generator, is `instead` (dim,)."""
    hidden = torch.rand(len(state), 1, device=state.device) < hidden_ratio
    return torch.where(hidden, instead, state)


class ReadsJoints(nn.Module):
    """An action network with `enter_joints`, (B, joint) normalised -> (B, dim), and `no_joints` (dim,) in the place of that."""

    enter_joints: nn.Module
    no_joints: nn.Parameter

    def state(self, joints: Tensor, sizes: _Sizes) -> Tensor:
        """Return the token (B, dim) of joints (B, joint); `no_joints` where the network is not to see them, or not now."""
        if not sizes.sees_joints:
            return self.no_joints.expand(len(joints), -1)
        state: Tensor = self.enter_joints(joints)
        return hidden_at_times(state, self.no_joints, sizes.state_dropout_ratio) if self.training else state
