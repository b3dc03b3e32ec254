"""At paper scale the parts have the published shapes and sizes; built on the meta device, so that it costs no memory.

Shapes are those of the released code at 19e610a. The dossier lists no parameter counts for this system but those in the names, 5B and
1B; "WAN2.2-TI2V-5B" is what its configuration makes, and RDT-1B's is computed from the release's `action_core/` [inferred]: 28 blocks,
positions, two embeddings, the last layer. Ours embeds level and age in wider layers (+24 M) and has no positions for pictures.
"""

from __future__ import annotations

import pytest
import torch
from torch import nn

from models.video2act.config import Video2ActConfig
from models.video2act.head import Head
from models.video2act.wan import N_BLOCKS, WanSystem, build_transformer

CONFIG = Video2ActConfig.paper(joints=tuple(f"joint_{i}" for i in range(128)), instructions=("one",))
RELEASED_BLOCK = 10 * 2048**2 + 13 * 2048 + 4 * 64
RELEASED_EMBEDDINGS = 2 * (256 * 2048 + 2048**2 + 2 * 2048)
RELEASED_POSITIONS = (64 + 3 + 1024 + 4374 + 1174) * 2048
RELEASED_LAST = 2048 + 2048**2 + 2048 + 2048 * 128 + 128


def count(*modules: nn.Module) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


@pytest.fixture(scope="module")
def slow() -> WanSystem:
    with torch.device("meta"):
        return WanSystem(CONFIG).to("meta").eval().requires_grad_(requires_grad=False)


@pytest.fixture(scope="module")
def head() -> Head:
    with torch.device("meta"):
        return Head(CONFIG).eval().requires_grad_(requires_grad=False)


def test_the_video_model_has_five_billion_parameters_of_which_two_thirds_run(slow: WanSystem) -> None:
    with torch.device("meta"):
        whole = count(build_transformer(CONFIG))
    assert whole == 4_999_787_712
    assert whole == pytest.approx(5.0e9, rel=0.02)
    assert count(slow.transformer) == whole - (N_BLOCKS - 20) * count(slow.transformer.blocks[0])


def test_the_heads_blocks_are_rdts(head: Head) -> None:
    assert count(*head.blocks) == 28 * RELEASED_BLOCK == 1_175_157_760
    released = 28 * RELEASED_BLOCK + RELEASED_EMBEDDINGS + RELEASED_POSITIONS + RELEASED_LAST
    assert count(head) == pytest.approx(released, rel=0.02)


def test_shapes_of_the_slow_system(slow: WanSystem) -> None:
    with torch.device("meta"):
        picture, clip = torch.zeros(1, 3, 1, 480, 832), torch.zeros(1, 3, 61, 224, 224)
        text = torch.zeros(1, 512, 4096)
        seen, moved = slow.encode(picture), slow.encode(clip)
        assert seen.shape == slow.boundary(seen).shape == (1, 48, 1, 30, 52)
        assert moved.shape == (1, 48, 16, 14, 14)
        assert slow.motion(moved.transpose(1, 2)).shape == (1, 16, 48, 14, 14)
        assert slow.patches(seen, text).shape == (1, 390, 3072)
        assert slow.patches(moved, text).shape == (1, 784, 3072)
        assert slow(picture, clip, text).shape == (1, 1174, 2048)
    assert (CONFIG.n_spatial_tokens, CONFIG.n_motion_tokens) == (390, 784)


def test_the_band_is_the_releases() -> None:
    assert CONFIG.passed() == (False, *(True,) * 7, False)


def test_shapes_of_the_head(slow: WanSystem, head: Head) -> None:
    with torch.device("meta"):
        text = slow.text_former(torch.zeros(1, 1024, 4096))
        pictures = torch.zeros(1, 4374, 2048)  # of SigLIP, adapted: with them the head reads what the release's does
        tokens = torch.cat([text, pictures, torch.zeros(1, 1174, 2048)], dim=1)
        said = head(torch.zeros(1, 64, 128), torch.zeros(1), tokens, torch.zeros(1, 128), torch.zeros(1))
        assert said.shape == (1, 64, 128)
