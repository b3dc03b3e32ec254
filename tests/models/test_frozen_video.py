"""A family's video model is the trained one, with its noise and texts, stays as it is, and is refused where it does not fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch

from interfaces.errors import ConfigError
from models.frozen_video import FrozenVideo, VideoSide
from models.svam.config import SvamConfig
from models.svam.flow_video_model import FlowVideoModel
from models.svam.policy import SvamPolicy

TRAINED = SvamConfig.small_transformer(
    joints=("a", "b"), instructions=("reach", "push"), width_px=60, height_px=48, crop_px=40,
    video_px=32, n_frames=3, vae_channels=(8, 16), latent_channels=4, n_text_tokens=2, text_dim=8,
    transformer_dim=24, transformer_heads=2, transformer_blocks=3, transformer_leave_dim=16,
    goal_dim=8, anchor_px=32, semantic_dim=8, geometric_dim=8, decoupler_dim=16, decoupler_heads=2, decoupler_blocks=1,
    queries_per_frame=1, token_dim=16, condenser_layers=1, condenser_heads=2, condenser_head_dim=8,
    expert_heads=2, encoder_blocks=1, decoder_blocks=1,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyConfig(VideoSide):
    """A family's config."""

    wide: int = 7


@pytest.fixture
def trained() -> SvamPolicy:
    torch.manual_seed(3)
    return SvamPolicy(TRAINED).eval()


def test_a_config_beside_a_trained_one_has_its_robot_and_its_video_model() -> None:
    config = FamilyConfig.on(TRAINED, wide=9, n_history=3)
    assert (config.joints, config.crop_px, config.n_frames, config.wide, config.n_history) == (("a", "b"), 40, 3, 9, 3)
    assert config.latent_px == TRAINED.latent_px == 8
    assert replace(config.svam(), n_history=1).robot() == TRAINED.robot()


def test_defaults_are_those_of_the_small_transformer() -> None:
    made = VideoSide(joints=("a",), instructions=("reach",)).svam()
    small = SvamConfig.small_transformer(joints=("a",), instructions=("reach",))
    assert made == small


def test_another_backbone_has_no_patches() -> None:
    with pytest.raises(ConfigError, match="backbone is 'svd'; expected transformer"):
        FamilyConfig.on(SvamConfig.small(joints=("a",), instructions=("reach",)))


@torch.no_grad()
def test_it_is_the_trained_one_once_it_is_adopted(trained: SvamPolicy) -> None:
    torch.manual_seed(4)
    video = FrozenVideo(FamilyConfig.on(TRAINED, horizon=5)).eval()
    rgb = torch.randint(0, 256, (2, 48, 60, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    instruction = torch.eye(2)

    def features() -> torch.Tensor:
        latent = video.encode(rgb)[:, 0]
        noise = video.initial_noise.expand(2, -1, -1, -1, -1)
        return video.model.features(noise, latent, video.text(instruction))

    wanted = trained.features(rgb, instruction)
    assert float((features() - wanted).abs().max()) > 1e-2
    video.adopt(trained)
    torch.testing.assert_close(features(), wanted)
    assert not any(parameter.requires_grad for parameter in video.parameters())


def test_frames_of_the_past_are_encoded_one_by_one() -> None:
    video = FrozenVideo(FamilyConfig.on(TRAINED)).eval()
    rgb = torch.randint(0, 256, (2, 3, 48, 60, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    latents = video.encode(rgb)
    assert latents.shape == (2, 3, 4, 8, 8)
    torch.testing.assert_close(latents[1, 2], video.encode(rgb[:, 2])[1, 0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"n_frames": 4}, "n_frames is 3; expected 4"), ({"instructions": ("push", "reach")}, "instr")],
)
def test_another_video_model_is_refused(trained: SvamPolicy, changes: dict[str, Any], said: str) -> None:
    before = [parameter.clone() for parameter in trained.video.parameters()]
    with pytest.raises(ConfigError, match=said):
        FrozenVideo(FamilyConfig.on(TRAINED, **changes)).adopt(trained)
    assert isinstance(trained.video, FlowVideoModel)
    assert all(torch.equal(one, two) for one, two in zip(before, trained.video.parameters(), strict=True))
