"""The published teachers, from the libraries that serve them: DINOv2 with registers, and Depth Anything 3.

    semantic    facebook/dinov2-with-registers-base, through transformers (Apache-2.0)       (B, T, 3, p, p) -> (B, T, S, 768)
    geometric   depth-anything/DA3-LARGE, through depth-anything-3 (Apache-2.0), stage 0     (B, T, 3, p, p) -> (B, T, S, 2048)

Both see generated frames of 224 px in ImageNet's normalisation. Depth Anything takes the T frames as T views of one scene, so its
global attention mixes them: it runs in its own library. DINOv2 sees each frame alone, and so do both anchors, which at this size are
the teachers themselves on the current frame: their weights are loaded into `models/svam/anchors.py`, which is what is exported.

Position embeddings are resized to the grid once. DINOv2's own library resizes with antialiasing, Depth Anything's without and with an
offset of 0.1 patches; each is done as its library does it. Weights come from a folder or, where the network allows, from the hub.
Sources: seeds.md section 1.3, from S-VAM's released code (`hidden2dino`, `hidden2dpa`); transformers 5 and depth-anything-3 0.1.1.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own spelling
from torch import Tensor, nn

from interfaces.errors import ConfigError, ForerunError
from models.svam.anchors import IMAGENET_MEAN, IMAGENET_STD, VitAnchor

DINOV2 = "facebook/dinov2-with-registers-base"
DEPTH_ANYTHING = "depth-anything/DA3-LARGE"
STAGE = 11  # the first of the four layers that Depth Anything 3 Large taps
_OFFSET = 0.1  # patches, in Depth Anything's resizing of positions

# transformers' names -> DINOv2's own, which the anchor has
_RENAMED = (
    (r"^embeddings\.(cls_token|register_tokens)$", r"\1"),
    (r"^embeddings\.position_embeddings$", "pos_embed"),
    (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"^encoder\.layer\.(\d+)\.attention\.o_proj\.", r"blocks.\1.attn.proj."),
    (r"^encoder\.layer\.(\d+)\.layer_scale(\d)\.lambda1$", r"blocks.\1.ls\2.gamma"),
    (r"^encoder\.layer\.(\d+)\.(norm\d|mlp\.fc\d)\.", r"blocks.\1.\2."),
    (r"^layernorm\.", "norm."),
)


class ManyViews(Protocol):
    """What is used of Depth Anything's backbone (`DinoVisionTransformer`)."""

    def get_intermediate_layers(self, x: Tensor, n: list[int]) -> tuple[Any, Any]:
        """Take views (B, T, 3, p, p); return for each layer its patches (B, T, S, C) and its camera tokens."""
        ...


@dataclass(frozen=True, slots=True)
class PaperTeachers:
    """Both teachers, frozen, on one device."""

    dinov2: nn.Module  # pictures (B, 3, p, p) -> (B, dim, g, g)
    depth_anything: ManyViews

    @torch.no_grad()
    def semantic(self, videos: Tensor) -> Tensor:
        """Return DINOv2's patches (B, T, S, 768) of videos (B, T, 3, p, p) as `as_teachers_see` returns them."""
        seen = self.dinov2(videos.flatten(0, 1))  # (B * T, dim, g, g)
        return seen.flatten(2).transpose(1, 2).reshape(*videos.shape[:2], -1, seen.shape[1])

    @torch.no_grad()
    def geometric(self, videos: Tensor) -> Tensor:
        """Return Depth Anything's patches (B, T, S, 2048), each frame seen together with the others."""
        layers, _ = self.depth_anything.get_intermediate_layers(videos, n=[STAGE])
        return cast("Tensor", layers[0][0])


def as_teachers_see(pictures: Tensor, side_px: int) -> Tensor:
    """Return pictures (..., 3, side, side) in ImageNet's normalisation of pictures (..., 3, p, p) in -1..1."""
    flat = (pictures.flatten(0, -4) + 1.0) / 2.0
    resized = F.interpolate(flat, size=(side_px, side_px), mode="bicubic", antialias=True)
    mean, std = (torch.tensor(values, device=flat.device)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    return ((resized - mean) / std).view(*pictures.shape[:-2], side_px, side_px)


def load_dinov2(name: str, anchor: VitAnchor) -> VitAnchor:
    """Give an anchor DINOv2's weights, from a folder or the hub, and return it.

    Raises ForerunError when transformers is not installed, ConfigError when the weights are not to be had or do not fit.
    """
    transformers = library("transformers", "pip install 'transformers>=5'", "served.semantic")
    network = weights(transformers.Dinov2WithRegistersModel.from_pretrained, name, "served.semantic")
    return anchor_of_dinov2(network, anchor, name)


def load_depth_anything(name: str, anchor: VitAnchor) -> tuple[nn.Module, VitAnchor]:
    """Return Depth Anything's backbone, cut after the tapped stage, and the anchor with the same weights; raises as `load_dinov2`."""
    api = library("depth_anything_3.api", "pip install depth-anything-3", "served.geometric")
    whole = weights(api.DepthAnything3.from_pretrained, name, "served.geometric")
    return anchor_of_depth_anything(whole.model.backbone.pretrained, anchor, name)


def anchor_of_dinov2(network: nn.Module, anchor: VitAnchor, name: str) -> VitAnchor:
    """Give an anchor the weights of transformers' DINOv2 with registers."""
    named = {_renamed(key): value for key, value in network.state_dict().items()}
    for block in range(anchor.shape.n_blocks):
        for kind in ("weight", "bias"):
            parts = [f"encoder.layer.{block}.attention.{part}_proj.{kind}" for part in "qkv"]
            if all(part in named for part in parts):
                named[f"blocks.{block}.attn.qkv.{kind}"] = torch.cat([named.pop(part) for part in parts])
    return _loaded(anchor, named, name, lambda patches: _antialiased(patches, anchor.grid))


def anchor_of_depth_anything(backbone: nn.Module, anchor: VitAnchor, name: str) -> tuple[nn.Module, VitAnchor]:
    """Return the backbone without the blocks after the tapped stage, and the anchor with its weights."""
    backbone.blocks = cast("nn.ModuleList", backbone.blocks)[: STAGE + 1]
    loaded = _loaded(anchor, dict(backbone.state_dict()), name, lambda patches: _with_offset(patches, anchor.grid))
    return backbone.eval().requires_grad_(requires_grad=False), loaded


def _loaded(anchor: VitAnchor, given: dict[str, Tensor], name: str, resized: Callable[[Tensor], Tensor]) -> VitAnchor:
    wanted = anchor.state_dict()
    missing = [key for key in wanted if key not in given]
    if missing:
        raise ConfigError(name, missing[0], None, f"weights of a network of {anchor.shape}")
    kept = {key: given[key].float() for key in wanted}
    table = kept["pos_embed"]  # (1, 1 + n * n, dim)
    side = round((table.shape[1] - 1) ** 0.5)
    patches = table[:, 1:].view(1, side, side, -1).permute(0, 3, 1, 2)
    if side != anchor.grid:
        patches = resized(patches)
    kept["pos_embed"] = torch.cat([table[:, :1], patches.permute(0, 2, 3, 1).flatten(1, 2)], dim=1)
    for key, value in wanted.items():
        if kept[key].shape != value.shape:
            raise ConfigError(name, key, tuple(kept[key].shape), f"{tuple(value.shape)}, as in {anchor.shape}")
    anchor.load_state_dict(kept)
    return anchor.eval().requires_grad_(requires_grad=False)


def _antialiased(patches: Tensor, side: int) -> Tensor:
    return F.interpolate(patches, size=(side, side), mode="bicubic", antialias=True)


def _with_offset(patches: Tensor, side: int) -> Tensor:
    scale = (side + _OFFSET) / patches.shape[-1]
    return F.interpolate(patches, scale_factor=(scale, scale), mode="bicubic")


def _renamed(key: str) -> str:
    for pattern, name in _RENAMED:
        key, n_changed = re.subn(pattern, name, key)
        if n_changed:
            break
    return key


def library(module: str, remedy: str, key: str) -> Any:
    """Return a library that serves what the recipe names under `key`; raises ForerunError with the remedy where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ForerunError(f"{key}: {module} cannot be imported ({error}); install it: {remedy}") from None


def weights(load: Callable[[str], Any], name: str, key: str) -> Any:
    """Return what a library loads under a name; raises ConfigError where it cannot."""
    try:
        return load(name)
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ConfigError(
            name, "file", f"{key} cannot be loaded from there ({reason})",
            f"a folder with its weights, or the name of a repository that `hf download {name}` can fetch",
        ) from None  # fmt: skip
