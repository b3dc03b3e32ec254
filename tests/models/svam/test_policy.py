"""The whole policy: what its tokens depend on, whose noise it uses, in which frame its chunks are, and that it comes back whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from models.flow import Edm, Regression, VelocityFlow
from models.graphs import ActionGraph, ForesightGraph
from models.svam.config import SvamConfig
from models.svam.policy import SvamPolicy, load_policy, save_policy


def pictures(n: int = 1) -> Tensor:
    return torch.randint(0, 256, (n, 48, 60, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


REACH, PUSH = torch.eye(2)


@torch.no_grad()
def test_tokens_depend_on_picture_instruction_and_noise(policy: SvamPolicy) -> None:
    reference = policy.context(pictures(), REACH[None])
    assert reference.shape == (1, 7, 16)
    noise = torch.randn(1, *policy.initial_noise.shape, generator=torch.Generator().manual_seed(1))
    for other in (
        policy.context(255 - pictures(), REACH[None]),
        policy.context(pictures(), PUSH[None]),
        policy.context(pictures(), REACH[None], noise),
    ):
        assert (other - reference).abs().max() > 1e-4


@torch.no_grad()
def test_the_policys_own_noise_is_a_constant_that_may_be_given(policy: SvamPolicy, tiny: SvamConfig) -> None:
    by_itself = policy.features(pictures(2), torch.eye(2))
    given = policy.features(pictures(2), torch.eye(2), policy.initial_noise.expand(2, -1, -1, -1, -1))
    torch.testing.assert_close(by_itself, given, atol=0, rtol=0)
    torch.testing.assert_close(SvamPolicy(tiny).initial_noise, policy.initial_noise, atol=0, rtol=0)
    assert float(policy.initial_noise.std()) == pytest.approx(1.0, abs=0.15)


@torch.no_grad()
def test_a_batch_is_its_samples(policy: SvamPolicy) -> None:
    both = policy.context(pictures(2), torch.eye(2))
    for index in range(2):
        alone = policy.context(pictures(2)[index : index + 1], torch.eye(2)[index : index + 1])
        torch.testing.assert_close(both[index], alone[0], atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_foresight_is_features_then_semantic_then_geometric(policy: SvamPolicy) -> None:
    features = policy.features(pictures(), REACH[None])
    semantic, geometric = policy.anchors(pictures())
    foreseen = policy.foresight(features, semantic, geometric)
    torch.testing.assert_close(foreseen[..., :64], features.flatten(3).transpose(2, 3))
    torch.testing.assert_close(foreseen[..., 64:76], policy.semantic_decoupler(features, semantic))
    torch.testing.assert_close(foreseen[..., 76:], policy.geometric_decoupler(features, geometric))


@torch.no_grad()
def test_chunks_are_relative_to_the_joints(policy: SvamPolicy) -> None:
    tokens, age, noise = torch.randn(1, 7, 16), torch.zeros(1), torch.randn(1, 4, 3)
    policy.joint_std.fill_(1e9)  # the network hardly sees where the joints are; what is left is the frame of reference
    here = policy.decode(tokens, torch.zeros(1, 3), age, noise)
    there = policy.decode(tokens, torch.full((1, 3), 0.7), age, noise)
    torch.testing.assert_close(there, here + 0.7, atol=1e-5, rtol=0)


@torch.no_grad()
def test_statistics_scale_what_is_decoded_and_what_is_learned_alike(policy: SvamPolicy) -> None:
    """A network whose one step says the demonstrated chunk costs nothing: loss and decoding use one normalisation."""
    policy.joint_mean.fill_(0.1)
    policy.joint_std.fill_(0.5)
    policy.chunk_mean.fill_(0.2)
    policy.chunk_std.fill_(0.25)
    config = replace(policy.config, objective="regression")
    policy.config = config
    tokens, joints, age = torch.randn(1, 7, 16), torch.full((1, 3), 0.3), torch.full((1,), 0.1)
    noise = torch.randn(1, 4, 3)
    drawn = policy.decode(tokens, joints, age, noise)
    loss = policy.action_loss(tokens, joints, age, drawn, noise)
    torch.testing.assert_close(loss, torch.zeros(1), atol=1e-6, rtol=0)
    off = policy.action_loss(tokens, joints, age, drawn + 0.25, noise)
    torch.testing.assert_close(off, torch.ones(1), atol=1e-5, rtol=0)


def test_all_of_the_action_side_learns(policy: SvamPolicy) -> None:
    with torch.no_grad():
        features = policy.features(pictures(), REACH[None])
        foreseen = policy.foresight(features, *policy.anchors(pictures()))
    tokens = policy.encoder(policy.condenser(foreseen), REACH[None] @ policy.goal_table)
    loss = policy.action_loss(tokens, torch.zeros(1, 3), torch.zeros(1), torch.randn(1, 4, 3), torch.randn(1, 4, 3))
    loss.sum().backward()
    for part in (policy.condenser, policy.encoder, policy.action):
        silent = [name for name, parameter in part.named_parameters() if parameter.grad is None]
        assert silent in ([], ["no_joints"])  # not in evaluation mode
    assert all(parameter.grad is None for parameter in policy.video.parameters())


@pytest.mark.parametrize(("name", "kind"), [("velocity", VelocityFlow), ("edm", Edm), ("regression", Regression)])
def test_every_objective_decodes_in_any_number_of_steps(tiny: SvamConfig, name: Any, kind: type) -> None:
    torch.manual_seed(0)
    policy = SvamPolicy(replace(tiny, objective=name, n_steps=3)).eval()
    assert isinstance(policy.config.action_objective(), kind)
    calls: list[Tensor] = []
    policy.action.leave.register_forward_pre_hook(lambda _module, inputs: calls.append(inputs[0]))
    chunk = policy.decode(torch.randn(2, 7, 16), torch.zeros(2, 3), torch.zeros(2), torch.randn(2, 4, 3))
    assert chunk.shape == (2, 4, 3)
    assert len(calls) == (1 if name == "regression" else 3)


@torch.no_grad()
def test_graphs_keep_their_contract_with_halves_inside(policy: SvamPolicy) -> None:
    told = (torch.zeros(3), torch.tensor(0.1), torch.randn(4, 3, generator=torch.Generator().manual_seed(0)))
    tokens = ForesightGraph(policy)(pictures()[0], REACH)
    positions = ActionGraph(policy)(tokens, *told)
    policy.half()
    half_tokens = ForesightGraph(policy)(pictures()[0], REACH)
    half_positions = ActionGraph(policy)(tokens, *told)
    assert (half_tokens.dtype, half_positions.dtype) == (torch.float32, torch.float32)
    assert half_tokens.shape == (7, 16)
    assert half_positions.shape == (4, 3)
    torch.testing.assert_close(half_tokens, tokens, atol=0.05, rtol=0)
    torch.testing.assert_close(half_positions, positions, atol=0.02, rtol=0)


def test_a_checkpoint_comes_back_whole(policy: SvamPolicy, tmp_path: Path) -> None:
    policy.chunk_std.fill_(0.3)
    policy.initial_noise.mul_(-1.0)
    save_policy(policy, tmp_path / "policy.pt")
    again = load_policy(tmp_path / "policy.pt")
    assert again.config == policy.config
    loaded, saved = again.state_dict(), policy.state_dict()
    assert loaded.keys() == saved.keys()
    assert all(torch.equal(loaded[name], value) for name, value in saved.items())
    assert [path.name for path in tmp_path.iterdir()] == ["policy.pt"]
