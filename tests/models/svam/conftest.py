"""An S-VAM policy as small as one can be, with all its parts."""

from __future__ import annotations

import pytest
import torch

from models.svam.config import SvamConfig
from models.svam.policy import SvamPolicy
from models.svam.video_model import VideoModel, build_video_model

TINY = SvamConfig.small(
    joints=("a", "b", "c"), instructions=("reach", "push"), width_px=60, height_px=48, crop_px=40, horizon=4,
    video_px=32, n_frames=3, unet_channels=(32, 32, 32), unet_heads=(1, 1, 1), vae_channels=(32, 32, 32),
    n_text_tokens=2, text_dim=8, goal_dim=8, semantic_dim=12, geometric_dim=8,
    decoupler_dim=16, decoupler_heads=2, decoupler_blocks=1,
    queries_per_frame=2, token_dim=16, condenser_layers=1, condenser_heads=2, condenser_head_dim=8,
    expert_heads=2, encoder_blocks=1, decoder_blocks=1,
)  # fmt: skip


@pytest.fixture(scope="session")
def tiny() -> SvamConfig:
    return TINY


@pytest.fixture(scope="session")
def video(tiny: SvamConfig) -> VideoModel:
    torch.manual_seed(0)
    return build_video_model(tiny).eval()


@pytest.fixture
def policy(tiny: SvamConfig) -> SvamPolicy:
    torch.manual_seed(0)
    return SvamPolicy(tiny).eval()
