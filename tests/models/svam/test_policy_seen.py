"""What the action expert is shown, arm by arm of the comparison: which networks its tokens depend on, and whether it reads joints."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models.svam.config import SvamConfig
from models.svam.policy import SvamPolicy

REACH = torch.eye(2)[:1]
PARTS = ("video.transformer", "semantic_anchor", "geometric_anchor", "semantic_decoupler", "geometric_decoupler")


def picture() -> Tensor:
    return torch.randint(0, 256, (1, 48, 60, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def policy_that_sees(sees: Any, tiny: SvamConfig) -> SvamPolicy:
    torch.manual_seed(0)
    small = replace(
        tiny, sees=sees, backbone="transformer", anchor_px=32, vae_channels=(32, 32, 32), transformer_dim=24, transformer_heads=2,
        transformer_blocks=2, transformer_leave_dim=8,
    )  # fmt: skip
    return SvamPolicy(small).eval()


def parts_that_matter(policy: SvamPolicy) -> set[str]:
    """Return the parts without which the tokens would be others."""
    reference = policy.context(picture(), REACH)
    found: set[str] = set()
    for name in PARTS:
        part: nn.Module = policy.get_submodule(name)
        before = {key: value.clone() for key, value in part.state_dict().items()}
        for parameter in part.parameters():
            parameter.mul_(1.5)
        if (policy.context(picture(), REACH) - reference).abs().max() > 1e-7:
            found.add(name)
        part.load_state_dict(before)
    return found


@torch.no_grad()
@pytest.mark.parametrize(
    ("sees", "parts"),
    [
        ("foresight", set(PARTS)),
        ("features", {"video.transformer"}),
        ("frame", {"semantic_anchor", "geometric_anchor"}),
    ],
)
def test_an_expert_depends_on_what_it_sees(sees: str, parts: set[str], tiny: SvamConfig) -> None:
    assert parts_that_matter(policy_that_sees(sees, tiny)) == parts


@torch.no_grad()
def test_without_a_video_model_every_frame_is_the_present_one(tiny: SvamConfig) -> None:
    policy = policy_that_sees("frame", tiny)
    frame = 2.0 * policy.video_resize(picture()) - 1.0
    seen = policy.seen(frame, torch.randn(1, 3, 32, 32), policy.text(REACH))
    assert seen.shape == (1, 3, policy.config.grid**2, policy.config.seen_dim)
    torch.testing.assert_close(seen[:, 1:], seen[:, :1].expand(-1, 2, -1, -1), atol=0, rtol=0)
    latent = policy.video.encode_frame(frame).flatten(2).transpose(1, 2)
    torch.testing.assert_close(seen[:, 0, :, : policy.config.latent_channels], latent)


@torch.no_grad()
@pytest.mark.parametrize("sees_joints", [True, False])
def test_an_expert_without_joints_moves_as_far_wherever_it_is(sees_joints: bool, tiny: SvamConfig) -> None:  # noqa: FBT001
    torch.manual_seed(0)
    policy = SvamPolicy(replace(tiny, sees_joints=sees_joints)).eval()
    tokens, age, noise = torch.randn(1, 7, 16), torch.zeros(1), torch.randn(1, 4, 3)
    here, there = (
        policy.decode(tokens, joints, age, noise) - joints for joints in (torch.zeros(1, 3), torch.ones(1, 3))
    )
    assert bool((there - here).abs().max() > 1e-4) == sees_joints
