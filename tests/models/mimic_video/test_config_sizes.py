"""At paper scale the parts have the published sizes and shapes, on the meta device; a config that cannot be is refused.

The dossier gives counts of the replication study: a backbone of 1.96 B, a decoder of "about" 0.50 B, together 2.46 B. Three digits
are held to half of the last one. The decoder's count follows from the released code's sizes to the last weight: 498,988,586, and what
is added here, the layer that reads the age: 1024 x 1024 + 1024.
Shapes are those of the dossier's table 2.6 (a). Its text encoder is no part of this: texts are a table.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models.mimic_video.config import MimicVideoConfig
from models.mimic_video.cosmos import CosmosVideo
from models.mimic_video.policy import MimicVideoPolicy


@pytest.fixture(scope="module")
def paper() -> MimicVideoPolicy:
    config = MimicVideoConfig.paper(joints=tuple("abcdefghij"), instructions=("reach", "push"))
    with torch.device("meta"):
        policy = MimicVideoPolicy(config)
    return policy.to("meta").eval()


def count(*modules: nn.Module) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def test_parameter_counts(paper: MimicVideoPolicy) -> None:
    assert isinstance(paper.video, CosmosVideo)
    backbone, decoder = count(paper.video.transformer), count(paper.action)
    assert backbone == 1_956_413_440
    assert backbone == pytest.approx(1.96e9, abs=0.005e9)
    assert decoder == 500_038_186
    assert decoder == pytest.approx(0.50e9, abs=0.005e9)
    assert backbone + decoder == pytest.approx(2.46e9, abs=0.005e9)
    read = list(paper.video.transformer.transformer_blocks)[: paper.config.read_after]
    assert (len(read), count(*read)) == (20, 20 * 69_206_528)


def test_tensor_shapes(paper: MimicVideoPolicy) -> None:
    assert isinstance(paper.video, CosmosVideo)
    seen: dict[str, tuple[int, ...]] = {}

    def entering(_module: nn.Module, told: tuple[Tensor, ...]) -> None:
        seen["patch_embed"] = tuple(told[0].shape)

    def decoding(_module: nn.Module, told: tuple[Any, ...], said: Tensor) -> None:
        noisy, _level, video, joints, _age = told
        seen.update(a=tuple(noisy.shape), h=tuple(video[0].shape), state=tuple(joints.shape), said=tuple(said.shape))

    paper.video.transformer.patch_embed.register_forward_pre_hook(entering)
    paper.action.register_forward_hook(decoding)
    with torch.device("meta"), torch.no_grad():
        past = paper.video.encode(torch.zeros(1, 5, 480, 640, 3, dtype=torch.uint8))
        assert past.shape == (1, 2, 16, 60, 80)
        text = paper.video.text(torch.zeros(1, 2))
        assert text.shape == (1, 512, 1024)
        future = paper.video.initial_noise[None]
        assert future.shape == (1, 14, 16, 60, 80)
        tokens = paper.video.tokens(future, torch.zeros(1), past, text)
        assert tokens.shape == (1, 19_200, 2048)
        assert paper.tokens_shape == (19_200, 2048)
        chunk = paper.decode(tokens, torch.zeros(1, 10), torch.zeros(1), torch.zeros(1, 15, 10))
        assert chunk.shape == (1, 15, 10)
    assert seen["patch_embed"] == (
        1,
        16 + 1 + 1,
        16,
        60,
        80,
    )  # latents, which of them are given, where the picture was padded
    assert (seen["a"], seen["h"]) == ((1, 15, 10), (1, 19_200, 2048))
    assert (seen["state"], seen["said"]) == ((1, 10), (1, 15, 10))
    assert (paper.config.n_steps, paper.future) == (10, (14, 800.0))


def test_the_small_config_says_the_shapes_that_come_out() -> None:
    config = MimicVideoConfig.small(joints=tuple("abcdef"), instructions=("reach", "push"))
    with torch.device("meta"):
        policy = MimicVideoPolicy(config)
    policy = policy.to("meta").eval()
    with torch.device("meta"), torch.no_grad():
        tokens = policy.context(torch.zeros(1, 240, 424, 3, dtype=torch.uint8), torch.zeros(1, 2))
    assert tokens.shape[1:] == policy.tokens_shape == (128, 192)
    assert count(policy.action) == pytest.approx(1.47e6, rel=0.01)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("tau_v_ratio", 1.5), ("video_steps", 0), ("read_after", 9), ("own_noise_ratio", -0.1), ("n_steps", 0),
        ("decoder_dim", 100), ("n_history", 5),
    ],
)  # fmt: skip
def test_sizes_that_cannot_be_are_refused_by_name(key: str, value: float) -> None:
    with pytest.raises(ValueError, match=key):
        MimicVideoConfig.small(joints=("a",), instructions=("b",), **{key: value})
