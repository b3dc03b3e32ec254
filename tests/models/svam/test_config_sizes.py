"""At paper scale the parts have the published sizes and shapes; built on the meta device, so that it costs no memory.

The counts are those of the published system, read from its configuration or computed from its code. Two differ by choice: the action
expert has joints, age and row positions for inputs (+0.4 M) and neither the second goal branch nor the unused position table;
together 22.4 M for 22.6 M. DINOv2's own count is met exactly once its position table of 37 x 37 is put back for ours of 16 x 16.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from models.svam.config import SvamConfig
from models.svam.policy import SvamPolicy
from models.svam.video_model import VideoModel


def on_meta(config: SvamConfig) -> SvamPolicy:
    with torch.device("meta"):
        policy = SvamPolicy(config)
    return policy.to("meta").eval().requires_grad_(requires_grad=False)  # diffusers puts a few parameters elsewhere


@pytest.fixture(scope="module")
def paper() -> SvamPolicy:
    config = SvamConfig.paper(joints=tuple("abcdefg"), instructions=("reach", "push"))
    return on_meta(config)


def count(*modules: nn.Module) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def test_parameter_counts(paper: SvamPolicy) -> None:
    assert isinstance(paper.video, VideoModel)
    assert count(paper.video.unet) == 1_524_623_082
    assert count(paper.video.vae) == pytest.approx(97.7e6, rel=0.001)
    assert count(paper.semantic_decoupler) == 106_155_264
    assert count(paper.geometric_decoupler) == pytest.approx(110.7e6, rel=0.001)
    assert count(paper.condenser) == pytest.approx(19.9e6, rel=0.002)
    expert = count(paper.encoder, paper.action)
    assert expert == 22_438_663
    assert expert == pytest.approx(22.6e6, rel=0.02)


def test_the_semantic_anchor_has_dinov2s_parameters(paper: SvamPolicy) -> None:
    tables = (37 * 37 - 16 * 16) * 768 + 768  # its position table is larger, and it has a token for masks
    assert count(paper.semantic_anchor) + tables == 86_583_552
    names = set(paper.semantic_anchor.state_dict())
    assert {
        "cls_token", "register_tokens", "pos_embed", "patch_embed.proj.weight", "blocks.11.norm1.weight",
        "blocks.0.attn.qkv.bias", "blocks.0.attn.proj.weight", "blocks.0.ls1.gamma", "blocks.0.mlp.fc1.weight",
        "blocks.0.mlp.fc2.bias", "blocks.0.ls2.gamma", "norm.bias",
    } <= names  # fmt: skip


def test_what_one_step_needs_is_less(paper: SvamPolicy) -> None:
    cut = on_meta(paper.config)
    assert isinstance(cut.video, VideoModel)
    cut.video.cut()
    assert count(cut.video.unet) == pytest.approx(1_356e6, rel=0.001)


def test_tensor_shapes(paper: SvamPolicy) -> None:
    with torch.device("meta"):
        features = paper.features(torch.zeros(1, 240, 424, 3, dtype=torch.uint8), torch.zeros(1, 2))
        assert features.shape == (1, 16, 2560, 16, 16)
        assert (paper.config.feature_dim, paper.config.grid) == (2560, 16)
        semantic, geometric = paper.anchors(torch.zeros(1, 240, 424, 3, dtype=torch.uint8))
        assert semantic.shape == (1, 768, 16, 16)
        assert geometric.shape == (1, 2048, 16, 16)
        assert paper.semantic_decoupler(features, semantic).shape == (1, 16, 256, 768)
        assert paper.geometric_decoupler(features, geometric).shape == (1, 16, 256, 2048)
        foreseen: Tensor = paper.foresight(features, semantic, geometric)
        assert foreseen.shape == (1, 16, 256, 5376)
        future = paper.condenser(foreseen)
        assert future.shape == (1, 224, 384)
        tokens = paper.encoder(future, torch.zeros(1, 512))
        assert tokens.shape == (1, 225, 384)
        assert (paper.config.n_tokens, paper.config.token_dim) == (225, 384)
        chunk = paper.decode(tokens, torch.zeros(1, 7), torch.zeros(1), torch.zeros(1, 10, 7))
        assert chunk.shape == (1, 10, 7)


def test_the_small_config_says_the_shapes_that_come_out() -> None:
    config = SvamConfig.small(joints=("a", "b"), instructions=("c",))
    policy = on_meta(config)
    with torch.device("meta"):
        features = policy.features(torch.zeros(1, config.height_px, config.width_px, 3), torch.zeros(1, 1))
        foreseen = policy.foresight(features, *policy.anchors(torch.zeros(1, config.height_px, config.width_px, 3)))
        tokens = policy.encoder(policy.condenser(foreseen), torch.zeros(1, config.goal_dim))
    assert features.shape == (1, config.n_frames, config.feature_dim, config.grid, config.grid)
    assert tokens.shape == (1, config.n_tokens, config.token_dim)
