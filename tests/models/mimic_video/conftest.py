"""A mimic-video policy as small as one can be, awake: fresh gates and outputs are shut, and nothing behind them would show."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from models.mimic_video.action_decoder import Modulation
from models.mimic_video.config import MimicVideoConfig
from models.mimic_video.policy import MimicVideoPolicy, SmallVideo
from models.moment import Moment

TINY = MimicVideoConfig.small(
    joints=("a", "b", "c"), instructions=("reach", "push"), width_px=60, height_px=48, crop_px=40, horizon=4,
    video_px=32, n_frames=3, latent_channels=4, vae_channels=(8, 16), n_text_tokens=2, text_dim=8,
    transformer_dim=24, transformer_heads=2, transformer_blocks=3, transformer_leave_dim=16, read_after=2,
    decoder_dim=16, decoder_heads=2, decoder_blocks=2, decoder_modulation_dim=4,
)  # fmt: skip


@pytest.fixture(scope="package", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny() -> MimicVideoConfig:
    return TINY


@pytest.fixture
def wake() -> Callable[[MimicVideoConfig], MimicVideoPolicy]:
    """Return what makes a policy of a config, in which every part has a say."""
    return _wake


def _wake(config: MimicVideoConfig) -> MimicVideoPolicy:
    torch.manual_seed(0)
    policy = MimicVideoPolicy(config).eval()
    assert isinstance(policy.video, SmallVideo)
    transformer = policy.video.model.transformer
    nn.init.normal_(transformer.modulate.weight, std=0.2)
    for block in transformer.blocks:
        nn.init.normal_(block.get_parameter("own"), std=0.5)
    for module in policy.action.modules():
        if isinstance(module, Modulation):
            nn.init.normal_(list(module)[-1].get_parameter("weight"), std=0.3)
    nn.init.normal_(policy.action.leave.weight, std=0.3)
    return policy


@pytest.fixture
def policy(wake: Callable[[MimicVideoConfig], MimicVideoPolicy]) -> MimicVideoPolicy:
    return wake(TINY)


@pytest.fixture
def moment() -> Moment:
    draw = torch.Generator().manual_seed(1)
    return Moment(
        frames=torch.randn(2, 1, 4, 8, 8, generator=draw), future=torch.randn(2, 3, 4, 8, 8, generator=draw),
        task=torch.tensor([0, 1]), joints_rad=torch.zeros(2, 3), age_s=torch.full((2,), 0.1),
        target_rad=torch.randn(2, 4, 3, generator=draw),
    )  # fmt: skip
