"""The whole policy: how far the video is made, what is read of it, what learns, and that its graphs and checkpoint keep their word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from models.families import load_policy, save_policy
from models.graphs import ActionGraph, ForesightGraph
from models.mimic_video.config import MimicVideoConfig
from models.mimic_video.policy import MimicVideoPolicy, SmallVideo
from models.moment import Moment
from models.svam.policy import SvamPolicy

Wake = Callable[[MimicVideoConfig], MimicVideoPolicy]
REACH, PUSH = torch.eye(2)


def pictures(n: int = 1) -> Tensor:
    return torch.randint(0, 256, (n, 48, 60, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def small_video(policy: MimicVideoPolicy) -> SmallVideo:
    assert isinstance(policy.video, SmallVideo)
    return policy.video


def watch(policy: MimicVideoPolicy) -> tuple[list[float], list[int]]:
    """Return lists that fill with the times that the video model is told, and with the blocks that run."""
    times: list[float] = []
    blocks: list[int] = []
    transformer = small_video(policy).model.transformer
    transformer.level.register_forward_pre_hook(lambda _module, told: times.append(float(told[0][0])))
    for number, block in enumerate(transformer.blocks, start=1):
        block.register_forward_pre_hook(noting(blocks, number))
    return times, blocks


def noting(numbers: list[int], number: int) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
    def note(_module: nn.Module, _told: tuple[Tensor, ...]) -> None:
        numbers.append(number)

    return note


@torch.no_grad()
def test_tokens_depend_on_picture_and_instruction(policy: MimicVideoPolicy) -> None:
    reference = policy.context(pictures(), REACH[None])
    assert reference.shape[1:] == policy.tokens_shape == (48, 24)
    for other in (policy.context(255 - pictures(), REACH[None]), policy.context(pictures(), PUSH[None])):
        assert (other - reference).abs().max() > 1e-4


@torch.no_grad()
def test_at_pure_noise_the_video_model_is_asked_once_and_not_to_its_end(policy: MimicVideoPolicy) -> None:
    times, blocks = watch(policy)
    policy.context(pictures(), REACH[None])
    assert times == [0.0]  # the paper's tau_v = 1 is our t = 0
    assert blocks == [1, 2]


@torch.no_grad()
def test_below_pure_noise_it_first_makes_that_much_of_a_video(policy: MimicVideoPolicy) -> None:
    times, blocks = watch(policy)
    policy.stopped_at(0.6, video_steps=2).context(pictures(), REACH[None])
    assert times == pytest.approx([0.0, 0.2, 0.4])
    assert blocks == [1, 2, 3, 1, 2, 3, 1, 2]


@torch.no_grad()
def test_stopped_at_the_end_it_reads_the_video_that_the_policys_noise_becomes(policy: MimicVideoPolicy) -> None:
    video = small_video(policy)
    past, text = video.encode(pictures()), video.text(REACH[None])
    made = video.model.sample(video.initial_noise[None], past[:, -1], text, n_steps=3)
    tokens = policy.stopped_at(0.0, video_steps=3).context(pictures(), REACH[None])
    torch.testing.assert_close(tokens, video.tokens(made, torch.ones(1), past, text), atol=1e-5, rtol=1e-4)


def test_stopping_elsewhere_leaves_the_policy_as_it_is(policy: MimicVideoPolicy) -> None:
    other = policy.stopped_at(0.5, 4)
    assert (other.config.tau_v_ratio, other.config.video_steps) == (0.5, 4)
    assert (policy.config.tau_v_ratio, policy.config.video_steps) == (1.0, 1)
    assert other.action is policy.action


@torch.no_grad()
def test_tokens_of_latents_are_those_of_their_picture(policy: MimicVideoPolicy, moment: Moment) -> None:
    for stopped in (policy, policy.stopped_at(0.5)):
        frames = small_video(stopped).encode(pictures(2))
        told = stopped.tokens(replace(moment, frames=frames), None)
        torch.testing.assert_close(told, stopped.context(pictures(2), torch.eye(2)), atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_a_noised_future_is_as_much_of_each_as_its_time_says(policy: MimicVideoPolicy, moment: Moment) -> None:
    noise, other = torch.randn_like(moment.future), replace(moment, future=-moment.future)
    start, middle, end = (torch.full((2,), level) for level in (0.0, 0.5, 1.0))
    same = policy.read_future(moment, noise, start)
    torch.testing.assert_close(policy.read_future(other, noise, start), same, atol=0, rtol=0)
    torch.testing.assert_close(policy.read_future(moment, -noise, end), policy.read_future(moment, noise, end))
    assert (policy.read_future(other, noise, middle) - policy.read_future(moment, noise, middle)).abs().max() > 1e-3
    assert (policy.read_future(moment, -noise, middle) - policy.read_future(moment, noise, middle)).abs().max() > 1e-3
    own = small_video(policy).initial_noise.expand_as(noise)
    torch.testing.assert_close(policy.read_future(moment, own, start), policy.tokens(moment, None))


def training_levels(policy: MimicVideoPolicy, moment: Moment, monkeypatch: pytest.MonkeyPatch) -> Tensor:
    """Return the times (2000,) that the video model is told in training."""
    seen: list[Tensor] = []

    def tokens(noisy: Tensor, level: Tensor, _past: Tensor, _text: Tensor) -> Tensor:
        seen.append(level)
        return noisy

    monkeypatch.setattr(small_video(policy), "tokens", tokens)
    many = {name: getattr(moment, name)[:1].repeat_interleave(2000, dim=0) for name in ("frames", "future", "task")}
    policy.tokens(replace(moment, **many), torch.Generator().manual_seed(0))
    return seen[0]


def test_training_futures_are_noised_to_every_degree_and_some_are_nothing_else(
    tiny: MimicVideoConfig, wake: Wake, moment: Moment, monkeypatch: pytest.MonkeyPatch
) -> None:
    levels = training_levels(wake(tiny), moment, monkeypatch)
    assert float((levels == 0.0).float().mean()) == pytest.approx(tiny.pure_video_noise_ratio, abs=0.03)
    assert levels.min() >= 0.0
    assert levels.max() > 0.7
    never = training_levels(wake(replace(tiny, pure_video_noise_ratio=0.0)), moment, monkeypatch)
    assert never.min() > 0.0
    # sigma's median is the root of one past and three future frames: 2, but for the 5 % far out in the noise
    assert float(never.median()) == pytest.approx(1.0 / (1.0 + 2.0), abs=0.03)
    assert float((never < 1.0 / 200.0).float().mean()) == pytest.approx(0.05, abs=0.02)


def test_some_futures_are_noised_by_the_policys_own_noise(tiny: MimicVideoConfig, wake: Wake, moment: Moment) -> None:
    for ratio, alike in ((1.0, True), (0.0, False)):
        policy = wake(replace(tiny, own_noise_ratio=ratio, pure_video_noise_ratio=1.0))
        told, wanted = policy.tokens(moment, torch.Generator().manual_seed(0)), policy.tokens(moment, None)
        assert torch.allclose(told, wanted, atol=1e-5) == alike


@torch.no_grad()
def test_a_decoder_is_told_where_the_video_was_stopped(policy: MimicVideoPolicy) -> None:
    tokens, noise = torch.randn(1, 48, 24), torch.randn(1, 4, 3)
    joints, age = torch.zeros(1, 3), torch.zeros(1)
    chunk = policy.decode(tokens, joints, age, noise)
    assert (policy.stopped_at(0.4).decode(tokens, joints, age, noise) - chunk).abs().max() > 1e-4


def test_an_untrained_decoder_says_nothing_against_the_noise(tiny: MimicVideoConfig) -> None:
    policy = MimicVideoPolicy(tiny).eval()
    policy.chunk_std.fill_(0.5)
    noise, joints = torch.randn(2, 4, 3), torch.full((2, 3), 0.3)
    chunk = policy.decode(torch.randn(2, 48, 24), joints, torch.zeros(2), noise)
    torch.testing.assert_close(chunk, joints[:, None] + 0.5 * noise)


def test_only_the_decoder_learns_and_all_of_it(policy: MimicVideoPolicy, moment: Moment) -> None:
    loss = policy.loss(moment, torch.Generator().manual_seed(0))
    assert loss.shape == (2,)
    loss.sum().backward()
    assert not any(parameter.requires_grad for parameter in policy.video.parameters())
    silent = [name for name, parameter in policy.action.named_parameters() if parameter.grad is None]
    assert silent == ["no_joints"]  # not in evaluation mode


def test_the_loss_is_a_function_of_what_is_drawn(policy: MimicVideoPolicy, moment: Moment) -> None:
    first, again, other = (policy.loss(moment, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    torch.testing.assert_close(first, again, atol=0, rtol=0)
    assert (first - other).abs().min() > 1e-6


@pytest.mark.parametrize("objective", ["clean", "edm", "regression", "mean-flow", "imle"])
def test_it_learns_and_decodes_by_any_objective(
    tiny: MimicVideoConfig, wake: Wake, moment: Moment, objective: str
) -> None:
    policy = wake(replace(tiny, objective=objective))
    loss = policy.loss(moment, torch.Generator().manual_seed(0))
    assert torch.isfinite(loss).all()
    loss.sum().backward()
    assert policy.action.enter_chunk[0].weight.grad is not None
    tokens = policy.tokens(moment, None)
    assert policy.decode(tokens, moment.joints_rad, moment.age_s, torch.randn(2, 4, 3)).shape == (2, 4, 3)


def test_it_learns_to_read_what_follows(tiny: MimicVideoConfig, wake: Wake, moment: Moment) -> None:
    """Two futures of the same frame, two chunks: at half the noise the decoder tells which is coming, and reads it, not the joints."""
    policy = wake(tiny).train()
    future = torch.stack([moment.future[0], -moment.future[0]])
    target = torch.stack([torch.full((4, 3), 1.0), torch.full((4, 3), -1.0)])
    told = replace(
        moment, frames=moment.frames[:1].expand(2, -1, -1, -1, -1), future=future, task=torch.zeros(2).long()
    )
    optimizer = torch.optim.AdamW(policy.action.parameters(), 3e-3)
    for step in range(80):
        draw = torch.Generator().manual_seed(step)
        loss = policy.loss(replace(told, target_rad=target), draw).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    policy.eval()
    with torch.no_grad():
        tokens = policy.read_future(
            told, torch.randn(future.shape, generator=torch.Generator().manual_seed(99)), torch.full((2,), 0.5)
        )
        said = policy.stopped_at(0.5).decode(tokens, told.joints_rad, told.age_s, torch.zeros(2, 4, 3))
    assert (said - target).square().mean() < 0.5 * (said - target.flip(0)).square().mean()


def test_it_takes_over_the_video_model_of_a_finished_run(policy: MimicVideoPolicy, tiny: MimicVideoConfig) -> None:
    torch.manual_seed(7)
    trained = SvamPolicy(tiny.svam())
    policy.adopt(trained)
    taken = small_video(policy)
    for name, value in trained.video.state_dict().items():
        assert torch.equal(taken.model.state_dict()[name], value), name
    assert torch.equal(taken.initial_noise, trained.initial_noise)
    assert torch.equal(taken.text_table, trained.text_table)
    assert MimicVideoConfig.on(tiny.svam(), read_after=1, decoder_blocks=5).decoder_blocks == 5


@torch.no_grad()
def test_graphs_keep_their_contract_with_halves_inside(policy: MimicVideoPolicy) -> None:
    told = (torch.zeros(3), torch.tensor(0.1), torch.randn(4, 3, generator=torch.Generator().manual_seed(0)))
    tokens = ForesightGraph(policy)(pictures()[0], REACH)
    positions = ActionGraph(policy)(tokens, *told)
    policy.half()
    half_tokens = ForesightGraph(policy)(pictures()[0], REACH)
    half_positions = ActionGraph(policy)(tokens, *told)
    assert (half_tokens.dtype, half_positions.dtype) == (torch.float32, torch.float32)
    torch.testing.assert_close(half_tokens, tokens, atol=0.1, rtol=0)
    torch.testing.assert_close(half_positions, positions, atol=0.1, rtol=0)


def test_a_checkpoint_comes_back_whole(policy: MimicVideoPolicy, tmp_path: Path) -> None:
    stopped = policy.stopped_at(0.8, 2)
    stopped.chunk_std.fill_(0.3)
    save_policy(stopped, tmp_path / "policy.pt")
    again = load_policy(tmp_path / "policy.pt")
    assert again.config == stopped.config
    loaded, saved = again.state_dict(), stopped.state_dict()
    assert loaded.keys() == saved.keys()
    assert all(torch.equal(loaded[name], value) for name, value in saved.items())
