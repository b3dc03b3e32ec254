"""A chunk head: rad outside, unit size inside, and the same normalisation in training and drawing."""

from __future__ import annotations

import torch
from torch import Tensor

from models.chunk_head import ChunkHead
from models.flow import Regression
from models.small_policy import SmallPolicy, SmallPolicyConfig


def head() -> ChunkHead:
    policy = SmallPolicy(SmallPolicyConfig(joints=("a", "b"), instructions=("reach",), horizon=3))
    policy.joint_mean.fill_(0.1)
    policy.joint_std.fill_(0.5)
    policy.chunk_mean.fill_(0.2)
    policy.chunk_std.fill_(0.25)
    return ChunkHead(policy, Regression())


def test_a_network_that_says_the_chunk_costs_nothing() -> None:
    joints, chunk, noise = torch.tensor([[0.6, 0.1]]), torch.randn(1, 3, 2), torch.zeros(1, 3, 2)

    def network(_noisy: Tensor, _level: Tensor) -> Tensor:
        return chunk

    drawn = head().decode(network, joints, noise)
    torch.testing.assert_close(drawn, joints[:, None] + 0.2 + 0.25 * chunk)
    loss = head().loss(network, joints, drawn, noise, torch.zeros(1))
    torch.testing.assert_close(loss, torch.zeros(1), atol=1e-6, rtol=0)
    off = head().loss(network, joints, drawn + 0.25, noise, torch.zeros(1))
    torch.testing.assert_close(off, torch.ones(1), atol=1e-5, rtol=0)
    torch.testing.assert_close(head().joints(joints), torch.tensor([[1.0, 0.0]]))
