"""The action expert: unmasked, with fresh joints and age; in training some samples do not see the joints."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from export.svam import enliven
from models.objectives import ObjectiveName
from models.one_step import MeanFlow
from models.svam.action_expert import ActionNet
from models.svam.config import SvamConfig
from models.svam.policy import SvamPolicy


@pytest.fixture
def action(policy: SvamPolicy) -> ActionNet:
    return enliven(policy).action


def told(batch: int = 1) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(0)
    return {
        "noisy": torch.randn(batch, 4, 3, generator=draw),
        "level": torch.full((batch,), 0.3),
        "tokens": torch.randn(batch, 7, 16, generator=draw),
        "joints": torch.randn(batch, 3, generator=draw),
        "age_s": torch.full((batch,), 0.1),
    }


def test_every_row_sees_every_token_and_every_row(action: ActionNet) -> None:
    reference = action(**told())
    assert reference.shape == (1, 4, 3)
    for name, last in (("tokens", (0, 6)), ("noisy", (0, 3))):
        changed = told()
        changed[name][last] += 1.0
        assert ((action(**changed) - reference).abs().amax(-1)[0] > 1e-6).all(), name


@pytest.mark.parametrize("name", ["level", "joints", "age_s"])
def test_level_joints_and_age_matter(action: ActionNet, name: str) -> None:
    changed = told()
    changed[name] = changed[name] + 0.2
    assert ((action(**changed) - action(**told())).abs().amax(-1)[0] > 1e-6).all()


def test_the_age_is_told_in_shares_of_the_oldest(action: ActionNet, tiny: SvamConfig) -> None:
    seen: list[float] = []
    action.age.register_forward_pre_hook(lambda _module, inputs: seen.append(float(inputs[0])))
    action(**{**told(), "age_s": torch.tensor([tiny.foresight_age_max_ms / 1000.0])})
    assert seen == pytest.approx([1.0])


def test_in_training_some_samples_do_not_see_the_joints(action: ActionNet, tiny: SvamConfig) -> None:
    torch.manual_seed(0)
    n_samples = 2000
    joints = torch.randn(n_samples, 3)
    action.no_joints.data.fill_(123.0)
    seen: list[Tensor] = []
    action.blocks[0].register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0][:, 0]))
    many = {name: value.expand(n_samples, *value.shape[1:]) for name, value in told().items()}
    action.train()(**{**many, "joints": joints})
    action.eval()(**{**many, "joints": joints})
    hidden_ratio = float((seen[0].mean(-1) > 100.0).float().mean())
    assert hidden_ratio == pytest.approx(tiny.state_dropout_ratio, abs=0.04)
    assert not (seen[1].mean(-1) > 100.0).any()


def test_a_second_level_is_one_embedding_more_and_no_other_objective_has_it(tiny: SvamConfig) -> None:
    def names(objective: ObjectiveName) -> set[str]:
        return {*ActionNet(replace(tiny, objective=objective)).state_dict()}

    assert names("imle") == names("velocity") == names("regression") == names("edm")
    more = names("mean-flow") - names("velocity")
    assert {name.rsplit(".", 2)[0] for name in more} == {"level.span"}
    assert names("velocity") < names("mean-flow")


def test_mean_flow_is_trained_through_the_whole_network(tiny: SvamConfig) -> None:
    torch.manual_seed(0)
    action = ActionNet(replace(tiny, objective="mean-flow")).train()
    batch = told(4)

    def network(noisy: Tensor, level: Tensor) -> Tensor:
        return action(noisy, level, batch["tokens"], batch["joints"], batch["age_s"])

    uniform = torch.tensor([0.1, 0.6, 0.8, 0.95])
    MeanFlow().loss(network, torch.zeros_like(batch["noisy"]), batch["noisy"], uniform).mean().backward()
    for name, value in action.named_parameters():
        assert value.grad is not None, name
        assert value.grad.isfinite().all(), name
    assert action.level.span is not None
    assert action.level.span.enter.weight.grad is not None
    assert action.level.span.enter.weight.grad.abs().max() > 0.0
