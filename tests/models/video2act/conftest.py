"""A Video2Act policy as small as one can be, beside a trained S-VAM policy that is as small."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from models.moment import Moment
from models.svam.config import SvamConfig
from models.video2act.config import Video2ActConfig
from models.video2act.policy import Video2ActPolicy

TRAINED = SvamConfig.small_transformer(
    joints=("a", "b", "c"), instructions=("reach", "push"), width_px=60, height_px=48, crop_px=40, horizon=4,
    video_px=32, n_frames=4, vae_channels=(8, 16), latent_channels=4, n_text_tokens=2, text_dim=8,
    transformer_dim=24, transformer_heads=2, transformer_blocks=3, transformer_leave_dim=16,
    goal_dim=8, anchor_px=32, semantic_dim=8, geometric_dim=8, decoupler_dim=16, decoupler_heads=2, decoupler_blocks=1,
    queries_per_frame=1, token_dim=16, condenser_layers=1, condenser_heads=2, condenser_head_dim=8,
    expert_heads=2, encoder_blocks=1, decoder_blocks=1,
)  # fmt: skip
PAST: dict[str, Any] = {"n_history": 4, "history_step_ms": 100.0}

Build = Callable[..., Video2ActPolicy]


def tiny(**changes: Any) -> Video2ActConfig:
    return Video2ActConfig.on(TRAINED, **({"token_dim": 16, "head_heads": 2, "head_blocks": 3} | changes))


@pytest.fixture
def trained() -> SvamConfig:
    return TRAINED


@pytest.fixture
def build() -> Build:
    """Return what builds policies in which every part has a say: untrained gates are shut, and last layers are zero."""

    def made(**changes: Any) -> Video2ActPolicy:
        torch.manual_seed(0)
        policy = Video2ActPolicy(tiny(**changes)).eval()
        torch.nn.init.normal_(policy.video.model.transformer.modulate.weight, std=0.2)
        torch.nn.init.normal_(policy.action.leave[-1].get_parameter("weight"), std=0.3)
        return policy

    return made


@pytest.fixture
def moment() -> Moment:
    """Return three samples for a policy with one frame."""
    return moment_of(n_history=1)


@pytest.fixture
def past_moment() -> Moment:
    return moment_of(n_history=4)


def moment_of(n_history: int) -> Moment:
    draw = torch.Generator().manual_seed(5)
    return Moment(
        frames=torch.randn(3, n_history, 4, 8, 8, generator=draw),
        future=torch.randn(3, 4, 4, 8, 8, generator=draw),
        task=torch.tensor([0, 1, 1]),
        joints_rad=torch.randn(3, 3, generator=draw),
        age_s=torch.tensor([0.02, 0.1, 0.3]),
        target_rad=torch.randn(3, 4, 3, generator=draw),
    )
