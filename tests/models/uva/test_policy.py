"""The whole policy: tokens from pixels and from latents are one, its four uses, what learns, and that mode after mode it learns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from interfaces.errors import ConfigError
from models.graphs import ActionGraph, ForesightGraph
from models.moment import Moment
from models.svam.config import SvamConfig
from models.svam.policy import SvamPolicy
from models.uva.config import UvaConfig
from models.uva.modes import MODES
from models.uva.policy import Drawing, Plan, UvaPolicy
from tests.models.uva.tiny_uva import awake, drawn, some_moment, tiny


def pictures(*shape: int) -> Tensor:
    return torch.randint(0, 256, (*shape, 48, 60, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


@torch.no_grad()
def test_tokens_of_latents_are_those_of_the_pictures(make: Callable[..., UvaPolicy]) -> None:
    for n_history, rgb in ((1, pictures(2)), (2, pictures(2, 2))):
        policy = make(n_history=n_history)
        frames = policy.encode(rgb)
        assert frames.shape == (2, n_history, 4, 8, 8)
        moment = replace(some_moment(policy.config, 2), frames=frames)
        said = policy.context(rgb, torch.eye(2))
        assert said.shape == (2, *policy.tokens_shape) == (2, 4, 24)
        torch.testing.assert_close(policy.tokens(moment, None), said)


@torch.no_grad()
def test_tokens_depend_on_every_frame_and_on_the_instruction(make: Callable[..., UvaPolicy]) -> None:
    policy = make(n_history=2)
    rgb = pictures(1, 2)
    said = policy.context(rgb, torch.eye(2)[:1])
    assert (policy.context(rgb, torch.eye(2)[1:]) - said).abs().max() > 1e-4
    for number in range(2):
        changed = rgb.clone()
        changed[:, number] = 255 - changed[:, number]
        assert (policy.context(changed, torch.eye(2)[:1]) - said).abs().max() > 1e-4


@torch.no_grad()
def test_graphs_are_the_policy_and_the_video_head_is_in_neither(policy: UvaPolicy) -> None:
    rgb, noise = pictures(), drawn(4, 3)
    policy.video_head = nn.Identity()  # pyright: ignore[reportAttributeAccessIssue]
    tokens = ForesightGraph(policy)(rgb, torch.eye(2)[0])
    torch.testing.assert_close(tokens[None], policy.context(rgb[None], torch.eye(2)[:1]))
    said = ActionGraph(policy)(tokens, torch.zeros(3), torch.tensor(0.1), noise)
    assert said.shape == (4, 3)
    assert torch.isfinite(said).all()


@torch.no_grad()
def test_chunks_are_relative_to_the_joints(policy: UvaPolicy) -> None:
    tokens, age, noise = drawn(1, 4, 24), torch.zeros(1), drawn(1, 4, 3)
    policy.joint_std.fill_(1e9)  # the head hardly sees where the joints are; what is left is the frame of reference
    here = policy.decode(tokens, torch.zeros(1, 3), age, noise)
    there = policy.decode(tokens, torch.full((1, 3), 0.7), age, noise)
    torch.testing.assert_close(there, here + 0.7, atol=1e-5, rtol=0)


@pytest.mark.parametrize("n_rounds", [1, 3])
def test_the_future_depends_on_actions_where_they_are_given(policy: UvaPolicy, moment: Moment, n_rounds: int) -> None:
    drawing = Drawing(n_rounds=n_rounds, n_steps=2)
    plan = Plan(target_rad=moment.target_rad, age_s=moment.age_s)
    said = policy.imagine(moment.frames, moment.task, plan, drawing)
    assert said.shape == moment.future.shape
    torch.testing.assert_close(policy.imagine(moment.frames, moment.task, plan, drawing), said, atol=0, rtol=0)
    for other in (
        policy.imagine(moment.frames, moment.task, replace(plan, target_rad=moment.target_rad + 1.0), drawing),
        policy.imagine(moment.frames, moment.task, None, drawing),
        policy.imagine(moment.frames + 1.0, moment.task, plan, drawing),
    ):
        assert (other - said).abs().amax((1, 2, 3, 4)).min() > 1e-5
    assert policy.pictures(said).shape == (3, 2, 3, 32, 32)


def test_in_rounds_every_place_is_drawn_once_and_the_later_ones_see_the_earlier(
    policy: UvaPolicy, moment: Moment, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden: list[Tensor] = []
    trunk = policy.trunk.forward
    monkeypatch.setattr(policy.trunk, "forward", lambda shown: hidden.append(shown.hidden) or trunk(shown))  # pyright: ignore
    policy.imagine(moment.frames, moment.task, None, Drawing(n_rounds=3))
    assert [int(mask.sum(1)[0]) for mask in hidden] == [16, 13, 8]  # floor(16 cos(pi / 6)), floor(16 cos(pi / 3))
    assert (hidden[1] & ~hidden[0]).sum() == (hidden[2] & ~hidden[1]).sum() == 0


@torch.no_grad()
def test_actions_are_read_out_of_the_video_and_of_nothing_before_it(policy: UvaPolicy, moment: Moment) -> None:
    noise = torch.zeros_like(moment.target_rad)
    told = (moment.task, moment.joints_rad, moment.age_s, noise)
    said = policy.actions_of(moment.future, *told)
    assert said.shape == moment.target_rad.shape
    assert (policy.actions_of(moment.future.flip(0), *told) - said).abs().max() > 1e-5


def test_what_learns_is_all_but_the_autoencoder(policy: UvaPolicy) -> None:
    still = {name for name, parameter in policy.named_parameters() if not parameter.requires_grad}
    assert still == {f"autoencoder.{name}" for name, _ in policy.autoencoder.named_parameters()}


def test_it_learns_one_batch_in_every_mode(moment: Moment) -> None:
    policy = awake(
        tiny(dropout_ratio=0.0, text_dropout_ratio=0.0, state_dropout_ratio=0.0, pure_noise_ratio=1.0)
    ).train()
    optimizer = torch.optim.AdamW([weights for weights in policy.parameters() if weights.requires_grad], lr=6e-3)
    asked = [mode for name, mode in MODES.items() if name != "full"]

    def losses(seed: int) -> list[Tensor]:
        return [policy.loss_of(mode, moment, torch.Generator().manual_seed(seed)).mean() for mode in asked]

    before = losses(1000)
    for step in range(30):
        optimizer.zero_grad()
        torch.stack(losses(step)).sum().backward()
        optimizer.step()
    for first, last in zip(before, losses(1000), strict=True):
        assert float(last.detach()) < 0.8 * float(first.detach())


def test_the_autoencoder_is_that_of_the_finished_run() -> None:
    trained = SvamPolicy(
        SvamConfig.small_transformer(
            joints=("a", "b"), instructions=("reach",), width_px=60, height_px=48, crop_px=40, video_px=32, n_frames=3,
            vae_channels=(8, 16), latent_channels=4, transformer_dim=24, transformer_heads=2, transformer_blocks=2,
            transformer_leave_dim=16, n_text_tokens=2, text_dim=8, n_steps=1,
        )
    )  # fmt: skip
    config = UvaConfig.on(trained.config, dim=24, n_heads=2, encoder_blocks=1, decoder_blocks=1, pool=2, n_history=2)
    assert (config.joints, config.crop_px, config.latent_px, config.n_history) == (("a", "b"), 40, 8, 2)
    policy = UvaPolicy(config)
    policy.adopt(trained)
    seen = 2.0 * trained.video_resize(pictures(1)) - 1.0
    torch.testing.assert_close(policy.encode(pictures(1)[:, None])[:, 0], trained.video.encode_frame(seen))
    with pytest.raises(ConfigError, match=r"vae_channels is \(8, 16\); expected \(8, 8\)"):
        UvaPolicy(replace(config, vae_channels=(8, 8))).adopt(trained)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"patch": 3}, "patch; expected a divisor of 8"),
        ({"horizon": 5}, "horizon; expected a divisor of 32"),
        ({"pool": 3}, "pool; expected a divisor of 4"),
        ({"n_history": 3}, r"n_history; expected 1\.\.2"),
        ({"modes": ("policy", "dream")}, "modes; expected some of policy, video, forward, inverse, full"),
        ({"modes": ("video",)}, "modes; expected policy among them"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, object], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        tiny(**changes)
