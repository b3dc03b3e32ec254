"""The condenser: each query reads its own frame, and hears of others only from the same query there."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from models.svam.condenser import Condenser, CondenserLayer
from models.svam.config import SvamConfig

N_CHANNELS = 64 + 12 + 8


@pytest.fixture
def condenser(tiny: SvamConfig) -> Condenser:
    torch.manual_seed(0)
    return Condenser(tiny).eval()


def foresight() -> Tensor:
    return torch.randn(1, 3, 16, N_CHANNELS, generator=torch.Generator().manual_seed(0))


def changed_tokens(condenser: Condenser) -> Tensor:
    """Return which tokens (frame, query) change when one place of frame 1 does."""
    told = foresight()
    reference = condenser(told)
    told[0, 1, 5] += 3.0
    return ((condenser(told) - reference).abs().amax(-1)[0] > 1e-7).view(3, 2)


def test_tokens_stand_frame_by_frame(condenser: Condenser) -> None:
    assert condenser(foresight()).shape == (1, 6, 16)


def test_frames_hear_of_each_other_through_time_attention_only(condenser: Condenser) -> None:
    assert changed_tokens(condenser).all()
    for layer in condenser.layers:
        assert isinstance(layer, CondenserLayer)
        nn.init.zeros_(layer.compare.to_out.weight)
    assert changed_tokens(condenser).tolist() == [[False, False], [True, True], [False, False]]


def test_queries_of_a_frame_read_each_other(condenser: Condenser) -> None:
    reference = condenser(foresight())
    with torch.no_grad():
        condenser.queries[1, 0] += 1.0
    for layer in condenser.layers:
        assert isinstance(layer, CondenserLayer)
        nn.init.zeros_(layer.compare.to_out.weight)
    changed = (condenser(foresight()) - reference).abs().amax(-1)[0].view(3, 2) > 1e-6
    assert changed[1].all()
