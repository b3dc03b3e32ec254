"""At paper scale the parts have the published sizes and shapes; built on the meta device, so that it costs no memory.

The reference lists these counts as inferred from the released code, not as published: about 170 M for the trunk's 24 blocks, 16.5 M for
the aggregator, 35.7 M for a head; so this holds that we and the reference read the same code the same way. A released head's last layer
is twice as wide, for a variance that only diffusion draws by (10,250 weights of the action head's 35.7 M); what a chunk needs beyond
the release, the reader of joints and age, is 10.7 M and not part of the count.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from models.uva.config import UvaConfig
from models.uva.policy import UvaPolicy


def on_meta(config: UvaConfig) -> UvaPolicy:
    with torch.device("meta"):
        policy = UvaPolicy(config)
    return policy.to("meta").eval().requires_grad_(requires_grad=False)


@pytest.fixture(scope="module")
def paper() -> UvaPolicy:
    return on_meta(UvaConfig.paper(joints=tuple("abcdefghij"), instructions=("reach", "push")))


def count(*modules: nn.Module) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def test_parameter_counts(paper: UvaPolicy) -> None:
    blocks = count(paper.trunk.encoder, paper.trunk.decoder)
    assert blocks == 24 * (
        12 * 768**2 + 13 * 768
    )  # two norms, four projections, two layers of which one is four times as wide
    assert blocks == pytest.approx(170e6, rel=0.02)
    assert count(paper.trunk) == pytest.approx(
        170e6, rel=0.03
    )  # with positions, masks and the layers that fuse: 173.6 M
    assert count(paper.aggregator) == pytest.approx(16.5e6, rel=0.02)
    assert count(paper.action_head.rows) == pytest.approx(35.7e6, rel=0.02)
    assert count(paper.video_head) == pytest.approx(35.7e6, rel=0.02)
    assert count(paper.action_head) - count(paper.action_head.rows) == pytest.approx(10.7e6, rel=0.02)


def test_tensor_shapes(paper: UvaPolicy) -> None:
    """Table 3.7 (a) of the reference, in its order."""
    found: dict[str, tuple[int, ...]] = {}

    def listen(name: str, module: nn.Module) -> None:
        def note(_module: nn.Module, _told: Any, said: Any) -> None:
            found[name] = tuple(said.shape)

        module.register_forward_hook(note)

    listen("trunk", paper.trunk)
    listen("aggregate", paper.aggregator)
    listen("action rows", paper.action_head.rows)
    with torch.device("meta"):
        assert paper.encode(torch.zeros(1, 4, 240, 424, 3, dtype=torch.uint8)).shape == (1, 4, 16, 16, 16)
        tokens = paper.context(torch.zeros(1, 4, 240, 424, 3, dtype=torch.uint8), torch.zeros(1, 2))
        paper.decode(tokens, torch.zeros(1, 10), torch.zeros(1), torch.zeros(1, 16, 10))
        rows = paper.video_head(torch.zeros(1024, 16), torch.zeros(1024), torch.zeros(1024, 768))
        assert paper.pictures(torch.zeros(1, 4, 16, 16, 16)).shape == (1, 4, 3, 256, 256)
    assert found == {"trunk": (1, 4, 256, 768), "aggregate": (1, 16, 768), "action rows": (16, 10)}
    assert rows.shape == (1024, 16)
    assert (paper.config.n_frames * paper.config.n_places, paper.config.grid) == (1024, 16)


def test_the_small_one_is_small() -> None:
    policy = on_meta(UvaConfig.small(joints=tuple("abcdef"), instructions=tuple("vwxyz")))
    assert count(policy) - count(policy.autoencoder) == pytest.approx(7.0e6, rel=0.02)
    assert policy.tokens_shape == (16, 192)
    assert policy.config.n_frames * policy.config.n_places == 64
