"""Decouplers: one anchor for all frames, attention over space and over time, and no places of their own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.svam.config import SvamConfig
from models.svam.decoupler import Decoupler


@pytest.fixture
def decoupler(tiny: SvamConfig) -> Decoupler:
    torch.manual_seed(0)
    return Decoupler(tiny, tiny.semantic_dim).eval()


def inputs() -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(0)
    return torch.randn(1, 3, 64, 4, 4, generator=draw), torch.randn(1, 12, 4, 4, generator=draw)


def test_each_place_of_each_frame_becomes_the_experts_features(decoupler: Decoupler) -> None:
    assert decoupler(*inputs()).shape == (1, 3, 16, 12)


def test_every_output_sees_every_frame_and_place(decoupler: Decoupler) -> None:
    features, anchor = (part.double() for part in inputs())
    decoupler.double()  # little is left of it at another place of another frame
    reference = decoupler(features, anchor)
    features[0, 2, :32, 3, 1] += 1.0
    changed = (decoupler(features, anchor) - reference).abs().amax(-1)[0]
    assert (changed > 1e-12).all()
    assert int(changed.flatten().argmax()) == 2 * 16 + 3 * 4 + 1  # itself most of all: residual


def test_the_anchor_reaches_every_frame_alike(decoupler: Decoupler) -> None:
    features, anchor = inputs()
    still = features[:, :1].expand(-1, 3, -1, -1, -1)  # three equal frames stay equal only if the anchor treats them so
    one, two, three = decoupler(still, anchor)[0]
    torch.testing.assert_close(one, two)
    torch.testing.assert_close(one, three)
    assert (decoupler(still, -anchor)[0, 0] - one).abs().max() > 1e-3


def test_places_and_frames_have_no_names_of_their_own(decoupler: Decoupler) -> None:
    features, anchor = inputs()
    turned = decoupler(features.flip(1, 3), anchor.flip(2))
    straight = decoupler(features, anchor).view(1, 3, 4, 4, 12)
    torch.testing.assert_close(turned.view(1, 3, 4, 4, 12), straight.flip(1, 2), atol=1e-5, rtol=1e-4)
