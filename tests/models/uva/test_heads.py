"""Heads: rows are decoded one by one, the reader finds its place by number, age and joints, the aggregator sees all of the future."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from models.uva.heads import RowLevel
from models.uva.policy import UvaPolicy
from tests.models.uva.tiny_uva import drawn


@torch.no_grad()
def test_a_row_is_decoded_from_its_own_noise_alone(policy: UvaPolicy) -> None:
    told = policy.action_head.told(drawn(1, 4, 24), drawn(1, 3), torch.zeros(1))
    noisy, level = drawn(1, 4, 3), torch.full((1,), 0.3)
    said = policy.action_head(noisy, level, told)
    changed = noisy.clone()
    changed[:, 2] += 1.0
    moved = (policy.action_head(changed, level, told) - said).abs().amax(-1)[0] > 1e-6
    assert moved.tolist() == [False, False, True, False]


@torch.no_grad()
def test_each_row_is_told_of_tokens_age_and_joints(policy: UvaPolicy) -> None:
    tokens, joints, age_s = drawn(1, 4, 24), drawn(1, 3), torch.tensor([0.1])
    told = policy.action_head.told(tokens, joints, age_s)
    for other in (
        policy.action_head.told(tokens.flip(1), joints, age_s),  # the same tokens at other times
        policy.action_head.told(tokens, joints + 1.0, age_s),
        policy.action_head.told(tokens, joints, age_s + 0.2),
    ):
        assert (other - told).abs().amax(-1).min() > 1e-5
    assert (told[:, 1:] - told[:, :-1]).abs().amax(-1).min() > 1e-5  # and rows differ


@torch.no_grad()
def test_joints_may_be_hidden(make: Callable[..., UvaPolicy]) -> None:
    tokens, age_s = drawn(200, 4, 24)[:1].expand(200, -1, -1), torch.zeros(200)
    blind = make(sees_joints=False).action_head
    torch.testing.assert_close(blind.told(tokens, drawn(200, 3), age_s), blind.told(tokens, -drawn(200, 3), age_s))
    torch.manual_seed(0)
    told = make(state_dropout_ratio=0.3).action_head.train().told(tokens, drawn(200, 3), age_s)
    hidden = (told - told[:, None]).abs().amax((2, 3)).lt(1e-6).sum(
        1
    ) > 1  # equal to another one: neither saw its joints
    assert float(hidden.float().mean()) == pytest.approx(0.3, abs=0.1)


@torch.no_grad()
def test_every_action_sees_every_place_of_every_frame(policy: UvaPolicy) -> None:
    latent = drawn(1, 2, 16, 24)
    said = policy.aggregator(latent)
    assert said.shape == (1, 4, 24)
    for frame in range(2):
        for place in (0, 7, 15):
            changed = latent.clone()
            changed[:, frame, place] += 3.0
            assert (policy.aggregator(changed) - said).abs().amax(-1).min() > 1e-6


@torch.no_grad()
def test_two_levels_are_told_apart() -> None:
    torch.manual_seed(0)
    level = RowLevel(16, 2)
    said = level(torch.tensor([[0.2, 0.1], [0.2, 0.6], [0.7, 0.1]]))
    assert said.shape == (3, 16)
    assert torch.pdist(said).min() > 1e-3
