"""Cosmos inside the policy: it is diffusers' own network, run the other way round, cut, and told which frames are given."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's own spelling
from diffusers.models.transformers import transformer_cosmos
from torch import Tensor

from interfaces.errors import ConfigError
from models.mimic_video.config import MimicVideoConfig
from models.mimic_video.cosmos import PAST_TAU, CosmosVideo
from models.mimic_video.policy import MimicVideoPolicy
from models.svam.config import SvamConfig
from models.svam.policy import SvamPolicy

TINY = MimicVideoConfig.paper(
    joints=("a", "b"), instructions=("reach", "push"), width_px=48, height_px=32, crop_px=32, horizon=3,
    n_frames=2, vae_channels=(4, 4, 4, 4), n_text_tokens=3, text_dim=8,
    transformer_dim=24, transformer_heads=2, transformer_blocks=3, modulation_dim=4, read_after=2,
    decoder_dim=16, decoder_heads=2, decoder_blocks=1, decoder_modulation_dim=4, n_steps=2,
)  # fmt: skip


@pytest.fixture
def video() -> CosmosVideo:
    torch.manual_seed(0)
    video = CosmosVideo(TINY).eval()
    torch.nn.init.normal_(video.text_table)
    return video


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


NOISY, PAST = drawn(1, 2, 16, 4, 6), drawn(1, 2, 16, 4, 6, seed=1)


@torch.no_grad()
def test_its_velocity_is_diffusers_own_the_other_way_round(video: CosmosVideo, monkeypatch: pytest.MonkeyPatch) -> None:
    def resize(mask: Tensor, size: list[int], interpolation: None) -> Tensor:
        del interpolation
        return F.interpolate(mask, size=size, mode="nearest")

    # The reference scales its padding mask by torchvision, which is no part of this project.
    stand_in = SimpleNamespace(
        functional=SimpleNamespace(resize=resize), InterpolationMode=SimpleNamespace(NEAREST=None)
    )
    monkeypatch.setattr(transformer_cosmos, "transforms", stand_in, raising=False)
    text = video.text(torch.eye(2)[:1])
    latents = torch.cat([PAST, NOISY], dim=1).transpose(1, 2)
    given = torch.tensor([1.0, 1.0, 0.0, 0.0]).view(1, 1, 4, 1, 1)
    tau = torch.tensor([PAST_TAU, PAST_TAU, 0.7, 0.7]).view(1, 1, 4, 1, 1)
    (said,) = video.transformer(
        latents, tau, text, condition_mask=given.expand(-1, -1, -1, 4, 6), padding_mask=torch.zeros(1, 1, 32, 48),
        return_dict=False,
    )  # fmt: skip
    velocity = video.velocity(NOISY, torch.tensor([0.3]), PAST, text)
    torch.testing.assert_close(velocity, -said.transpose(1, 2)[:, 2:], atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_tokens_come_from_its_middle_and_nothing_behind_runs(video: CosmosVideo) -> None:
    ran: list[int] = []
    for number, block in enumerate(video.transformer.transformer_blocks, start=1):
        block.register_forward_hook(lambda _module, _told, _said, number=number: ran.append(number))
    tokens = video.tokens(NOISY, torch.zeros(1), PAST, video.text(torch.eye(2)[:1]))
    assert ran == [1, 2]
    assert tokens.shape == (1, TINY.n_tokens, 24) == (1, 4 * 2 * 3, 24)
    other = video.tokens(NOISY, torch.zeros(1), -PAST, video.text(torch.eye(2)[:1]))
    assert (other - tokens).abs().amax(-1).min() > 1e-4  # what is given shows in every token


@torch.no_grad()
def test_the_same_policy_stands_on_it() -> None:
    torch.manual_seed(0)
    policy = MimicVideoPolicy(replace(TINY, tau_v_ratio=0.5)).eval()
    rgb = torch.randint(0, 256, (1, 5, 32, 48, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    tokens = policy.context(rgb, torch.eye(2)[:1])
    assert tokens.shape[1:] == policy.tokens_shape
    assert policy.decode(tokens, torch.zeros(1, 2), torch.zeros(1), torch.randn(1, 3, 2)).shape == (1, 3, 2)


def test_no_svam_has_one_to_give(video: CosmosVideo) -> None:
    config = SvamConfig.small_transformer(
        joints=("a", "b"), instructions=("reach", "push"), video_px=32, n_frames=3, vae_channels=(8, 16),
        transformer_dim=24, transformer_heads=2, transformer_blocks=3, transformer_leave_dim=16,
    )  # fmt: skip
    with pytest.raises(ConfigError, match=r"backbone is 'transformer'; expected cosmos"):
        video.adopt(SvamPolicy(config))
