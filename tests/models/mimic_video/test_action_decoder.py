"""The action decoder: what reaches what it says, how two times meet, and that some training samples do not see the joints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from models.mimic_video.action_decoder import ActionDecoder, NormedAttention, Times
from models.mimic_video.config import MimicVideoConfig
from models.mimic_video.policy import MimicVideoPolicy


@pytest.fixture
def action(policy: MimicVideoPolicy) -> ActionDecoder:
    return policy.action


def told(batch: int = 1) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(0)
    return {
        "noisy": torch.randn(batch, 4, 3, generator=draw),
        "level": torch.full((batch,), 0.3),
        "tokens": torch.randn(batch, 48, 24, generator=draw),
        "video_level": torch.full((batch,), 0.2),
        "joints": torch.randn(batch, 3, generator=draw),
        "age_s": torch.full((batch,), 0.1),
    }


def say(action: ActionDecoder, told: dict[str, Tensor]) -> Tensor:
    video = told["tokens"], told["video_level"]
    return action(told["noisy"], told["level"], video, told["joints"], told["age_s"])


@torch.no_grad()
def test_every_row_sees_every_token_and_every_row(action: ActionDecoder) -> None:
    reference = say(action, told())
    assert reference.shape == (1, 4, 3)
    for name, last in (("tokens", (0, 47)), ("noisy", (0, 3))):
        changed = told()
        changed[name][last] += torch.linspace(0.0, 3.0, changed[name].shape[-1])
        assert ((say(action, changed) - reference).abs().amax(-1)[0] > 1e-7).all(), name


@torch.no_grad()
@pytest.mark.parametrize("name", ["level", "video_level", "joints", "age_s"])
def test_times_joints_and_age_matter(action: ActionDecoder, name: str) -> None:
    changed = told()
    changed[name] = changed[name] + 0.2
    assert ((say(action, changed) - say(action, told())).abs().amax(-1)[0] > 1e-6).all()


@torch.no_grad()
def test_how_large_video_tokens_are_does_not_matter(action: ActionDecoder) -> None:
    """So it is the same whether the foresight normalises them or not."""
    changed = told()
    changed["tokens"] = 7.0 * changed["tokens"] + 2.0
    torch.testing.assert_close(say(action, changed), say(action, told()), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_queries_and_keys_are_normalised() -> None:
    torch.manual_seed(0)
    attention = NormedAttention(16, 2, context_dim=24)
    x, context = torch.randn(1, 3, 16), torch.randn(1, 5, 24)
    reference = attention(x, context)
    for layer in (attention.to_q, attention.to_k):
        layer.weight.mul_(9.0)
    torch.testing.assert_close(attention(x, context), reference, atol=1e-4, rtol=1e-4)
    attention.norm_q.weight.mul_(9.0)
    assert (attention(x, context) - reference).abs().max() > 1e-4


@torch.no_grad()
def test_the_joints_have_a_time_of_their_own() -> None:
    torch.manual_seed(0)
    times = Times(16, 1)
    video, age = torch.full((1,), 0.5), torch.zeros(1)
    early, late = (times(torch.full((1,), level), video, age) for level in (0.1, 0.9))
    torch.testing.assert_close(early[:, 0], late[:, 0], atol=0, rtol=0)
    assert (early[:, 1] - late[:, 1]).abs().max() > 1e-3
    elsewhere = times(torch.full((1,), 0.1), torch.full((1,), 0.8), age)
    assert (elsewhere - early).abs().amax((0, 2)).min() > 1e-3  # the video's time reaches both


@torch.no_grad()
def test_two_times_meet_in_a_product_of_which_either_alone_says_something() -> None:
    torch.manual_seed(0)
    times = Times(16, 1)
    nn.init.zeros_(times.age.weight)
    nn.init.zeros_(times.age.bias)
    at = torch.full((1,), 0.3), torch.full((1,), 0.6), torch.zeros(1)
    whole = times(*at)[0, 1]
    action_weight, video_weight = times.leave_action.weight.clone(), times.leave_video.weight.clone()
    times.leave_action.weight.zero_()
    video_alone = times(*at)[0, 1]
    times.leave_video.weight.zero_()
    torch.testing.assert_close(times(*at)[0, 1], torch.zeros(16))
    times.leave_action.weight.copy_(action_weight)
    action_alone = times(*at)[0, 1]
    times.leave_video.weight.copy_(video_weight)
    bias = times.leave_action.bias * times.leave_video.bias
    product = (action_alone / times.leave_video.bias) * (video_alone / times.leave_action.bias)
    torch.testing.assert_close(whole, action_alone + video_alone + product, atol=1e-5, rtol=1e-4)
    assert float(bias.min()) > 0.0


@torch.no_grad()
def test_the_age_is_told_in_shares_of_the_oldest(action: ActionDecoder, tiny: MimicVideoConfig) -> None:
    seen: list[float] = []
    action.times.register_forward_pre_hook(lambda _module, inputs: seen.append(float(inputs[2])))
    say(action, {**told(), "age_s": torch.tensor([tiny.foresight_age_max_ms / 1000.0])})
    assert seen == pytest.approx([1.0])


@torch.no_grad()
def test_in_training_some_samples_do_not_see_the_joints(action: ActionDecoder, tiny: MimicVideoConfig) -> None:
    torch.manual_seed(0)
    many = {name: value.expand(2000, *value.shape[1:]) for name, value in told().items()}
    action.no_joints.fill_(123.0)
    seen: list[Tensor] = []
    action.blocks[0].register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0][:, 0]))
    say(action.train(), many)
    say(action.eval(), many)
    hidden_ratio = float((seen[0].mean(-1) > 100.0).float().mean())
    assert hidden_ratio == pytest.approx(tiny.state_dropout_ratio, abs=0.04)
    assert not (seen[1].mean(-1) > 100.0).any()


@torch.no_grad()
def test_two_levels_of_a_mean_flow_both_matter(
    tiny: MimicVideoConfig, wake: Callable[[MimicVideoConfig], MimicVideoPolicy]
) -> None:
    action = wake(replace(tiny, objective="mean-flow")).action
    reference = say(action, {**told(), "level": torch.tensor([[0.3, 0.2]])})
    for level in ([0.5, 0.2], [0.3, 0.4]):
        assert (say(action, {**told(), "level": torch.tensor([level])}) - reference).abs().max() > 1e-6
