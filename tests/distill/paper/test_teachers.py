"""The published teachers in their own libraries, with random weights, and the anchors that carry the same weights on a robot.

The libraries are not among forerun's dependencies: where one is missing, what depends on it is skipped, and the line that a user
sees then is tested.
"""

from __future__ import annotations

import importlib
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from distill.paper.teachers import (
    STAGE,
    ManyViews,
    PaperTeachers,
    anchor_of_depth_anything,
    anchor_of_dinov2,
    as_teachers_see,
    load_depth_anything,
    load_dinov2,
)
from interfaces.errors import ConfigError, ForerunError
from models.svam.anchors import IMAGENET_MEAN, IMAGENET_STD, VitAnchor, VitShape

with_dinov2 = pytest.mark.skipif(find_spec("transformers") is None, reason="transformers serves DINOv2")
with_depth_anything = pytest.mark.skipif(
    find_spec("depth_anything_3") is None, reason="depth-anything-3 serves Depth Anything"
)
SEMANTIC = VitShape(dim=24, n_blocks=2, n_heads=2, n_registers=4)
GEOMETRIC = VitShape(
    dim=384, n_blocks=12, n_heads=6, rotary_from=8, global_blocks=frozenset({9, 11})
)  # DA3's own "vits"


def videos(side_px: int) -> Tensor:
    return torch.randn(2, 3, 3, side_px, side_px, generator=torch.Generator().manual_seed(0))


def stirred(network: nn.Module) -> nn.Module:
    """Return the network with weights that all matter: fresh ones are zero in places."""
    torch.manual_seed(1)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.1)
    return network.eval()


def dinov2(grid: int) -> nn.Module:
    transformers: Any = importlib.import_module("transformers")
    config = transformers.Dinov2WithRegistersConfig(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=2, image_size=14 * grid, patch_size=14
    )
    return stirred(transformers.Dinov2WithRegistersModel(config))


def depth_anything() -> Any:
    library: Any = importlib.import_module("depth_anything_3.model.dinov2.dinov2")
    network = library.DinoV2("vits", [5, 7, 9, 11], alt_start=8, qknorm_start=8, rope_start=8, cat_token=True)
    return stirred(network.pretrained)


@with_dinov2
@pytest.mark.parametrize("grid", [3, 5])  # as it was trained, and resized
def test_the_semantic_anchor_sees_what_dinov2_sees(grid: int) -> None:
    network = dinov2(5)
    anchor = anchor_of_dinov2(network, VitAnchor(SEMANTIC, grid), "random")
    seen = videos(14 * grid)
    with torch.no_grad():
        told: Any = network(pixel_values=seen.flatten(0, 1))
        patches = told.last_hidden_state[:, 1 + 4 :]  # after the class token and four registers
        mine = PaperTeachers(anchor, NoViews()).semantic(seen)
    torch.testing.assert_close(mine.flatten(0, 1), patches, atol=1e-4, rtol=1e-4)


class NoViews:
    def get_intermediate_layers(self, x: Tensor, n: list[int]) -> tuple[Any, Any]:
        raise AssertionError(x.shape, n)


@with_depth_anything
@pytest.mark.parametrize("grid", [4, 37])  # resized, and as it was trained
def test_the_geometric_anchor_sees_what_depth_anything_sees_of_one_view(grid: int) -> None:
    whole = depth_anything()
    one_view = videos(14 * grid)[:1, :1]
    with torch.no_grad():
        layers, _ = whole.get_intermediate_layers(one_view, n=[STAGE])
        backbone, anchor = anchor_of_depth_anything(whole, VitAnchor(GEOMETRIC, grid), "random")
        mine = anchor(one_view[:, 0])  # (1, 768, g, g)
    torch.testing.assert_close(mine.flatten(2).transpose(1, 2), layers[0][0][:, 0], atol=1e-3, rtol=1e-3)
    assert len(cast("nn.ModuleList", backbone.blocks)) == STAGE + 1


@with_depth_anything
def test_the_geometric_teacher_sees_frames_together() -> None:
    backbone, anchor = anchor_of_depth_anything(depth_anything(), VitAnchor(GEOMETRIC, 4), "random")
    teachers = PaperTeachers(anchor, cast("ManyViews", backbone))
    seen = videos(56)[:, :2]
    other = seen.clone()
    other[:, 1] += 0.5
    first, changed = teachers.geometric(seen), teachers.geometric(other)
    assert first.shape == (2, 2, 16, 768)
    assert (first[:, 0] - changed[:, 0]).abs().max() > 1e-3  # the first frame's features know of the second


def test_teachers_see_imagenets_normalisation() -> None:
    grey = as_teachers_see(torch.zeros(2, 4, 3, 32, 32), 28)
    assert grey.shape == (2, 4, 3, 28, 28)
    expected = (0.5 - torch.tensor(IMAGENET_MEAN)) / torch.tensor(IMAGENET_STD)
    torch.testing.assert_close(grey[1, 2, :, 14, 14], expected, atol=1e-5, rtol=1e-5)


@with_dinov2
def test_weights_of_another_size_are_named() -> None:
    with pytest.raises(ConfigError, match=r"elsewhere: .*cls_token is \(1, 1, 24\); expected \(1, 1, 32\)"):
        anchor_of_dinov2(dinov2(3), VitAnchor(VitShape(dim=32, n_blocks=2, n_heads=2, n_registers=4), 3), "elsewhere")
    with pytest.raises(ConfigError, match=r"elsewhere: blocks\.2\..* is missing"):
        anchor_of_dinov2(dinov2(3), VitAnchor(VitShape(dim=24, n_blocks=3, n_heads=2, n_registers=4), 3), "elsewhere")


@with_dinov2
def test_missing_weights_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"served\.semantic cannot be loaded from there .*hf download") as refused:
        load_dinov2(str(tmp_path / "dinov2"), VitAnchor(SEMANTIC, 3))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("load", "module", "remedy"),
    [
        (load_dinov2, "transformers", "pip install 'transformers>=5'"),
        (load_depth_anything, "depth_anything_3.api", "pip install depth-anything-3"),
    ],
)
def test_a_missing_library_is_one_line(monkeypatch: pytest.MonkeyPatch, load: Any, module: str, remedy: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ForerunError, match=r"served\.(semantic|geometric): .*cannot be imported") as refused:
        load("anywhere", VitAnchor(SEMANTIC, 3))
    assert remedy in str(refused.value)
