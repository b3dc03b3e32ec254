"""Anchors: what an expert sees in the current frame, (B, dim, grid, grid); the decouplers say how it will look in the future ones.

At paper scale an anchor is the teacher itself: DINOv2 ViT-B/14 with registers (semantic, 768) and the first tapped stage of Depth
Anything 3 Large's backbone (geometric, 2048), both on 224 px. At small scale it is a few convolutions, distilled from the teachers.

Paper and code disagree on the picture: the released policy shows the experts pictures in -1..1, its decouplers were trained with
ImageNet's mean and spread. Here it is ImageNet's everywhere. Only one view is seen, so Depth Anything's attention over all views is
attention within the picture. Parameters are named as in DINOv2's checkpoints, which therefore load as they are once the position
embedding has been resized to the grid. Sources: DINOv2 (arXiv 2304.07193), Depth Anything 3 (its `vision_transformer.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own spelling
from torch import Tensor, nn
from typing_extensions import override

from models.svam.config import SvamConfig

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
ROPE_BASE = 100.0


class ConvAnchor(nn.Module):
    """A compact encoder: three halvings and one residual block."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 32, kernel_size=3, stride=2, padding=1), nn.GroupNorm(8, 32), nn.SiLU(),
            nn.Conv2d(32, 64, kernel_size=3, stride=2, padding=1), nn.GroupNorm(8, 64), nn.SiLU(),
            nn.Conv2d(64, 128, kernel_size=3, stride=2, padding=1), nn.GroupNorm(8, 128), nn.SiLU(),
        )  # fmt: skip
        self.block = nn.Sequential(nn.Conv2d(128, 128, kernel_size=3, padding=1), nn.GroupNorm(8, 128), nn.SiLU())
        self.leave = nn.Conv2d(128, dim, kernel_size=1)

    @override
    def forward(self, picture: Tensor) -> Tensor:
        """Take pictures (B, 3, p, p) in ImageNet's normalisation; return (B, dim, p / 8, p / 8)."""
        x = self.stem(picture)
        return self.leave(x + self.block(x))


@dataclass(frozen=True, slots=True, kw_only=True)
class VitShape:
    """The shape of a vision transformer, as far as these two differ."""

    dim: int
    n_blocks: int
    n_heads: int
    n_registers: int = 0
    rotary_from: int | None = (
        None  # the first block with rotary positions, normalised queries and keys, and the camera token
    )
    global_blocks: frozenset[int] = frozenset()  # attention over all views: without positions inside a picture


DINOV2_B14_REG = VitShape(dim=768, n_blocks=12, n_heads=12, n_registers=4)
DA3_LARGE_STAGE_0 = VitShape(  # blocks 0 to 11 of 24, alternating between views and all views from 8 on
    dim=1024, n_blocks=12, n_heads=16, rotary_from=8, global_blocks=frozenset({9, 11})
)


class VitAttention(nn.Module):
    """Self-attention with one packed projection; where asked, with normalised, rotated queries and keys."""

    def __init__(self, dim: int, n_heads: int, *, rotary: bool) -> None:
        super().__init__()
        self.n_heads, self.rotary = n_heads, rotary
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        if rotary:
            self.q_norm, self.k_norm = nn.LayerNorm(dim // n_heads), nn.LayerNorm(dim // n_heads)

    @override
    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Take x (B, N, dim), cosines and sines (N, head_dim) of the tokens' places."""
        q, k, v = (
            self.qkv(x).view(*x.shape[:2], 3, self.n_heads, -1).permute(2, 0, 3, 1, 4)
        )  # each (B, heads, N, head_dim)
        if self.rotary:
            q, k = _turned(self.q_norm(q), cos, sin), _turned(self.k_norm(k), cos, sin)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class LayerScale(nn.Module):
    """A learned factor per channel."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim))

    @override
    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class VitMlp(nn.Module):
    """Two layers with a GELU, under DINOv2's names."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    @override
    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class VitBlock(nn.Module):
    """DINOv2's pre-norm block."""

    def __init__(self, shape: VitShape, *, rotary: bool) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(shape.dim, eps=1e-6), nn.LayerNorm(shape.dim, eps=1e-6)
        self.attn = VitAttention(shape.dim, shape.n_heads, rotary=rotary)
        self.mlp = VitMlp(shape.dim)
        self.ls1, self.ls2 = LayerScale(shape.dim), LayerScale(shape.dim)

    @override
    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = x + self.ls1(self.attn(self.norm1(x), cos, sin))
        return x + self.ls2(self.mlp(self.norm2(x)))


class PatchEmbed(nn.Module):
    """Patches of 14 x 14 -> vectors."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, dim, kernel_size=14, stride=14)

    @override
    def forward(self, picture: Tensor) -> Tensor:
        return self.proj(picture).flatten(2).transpose(1, 2)  # (B, grid * grid, dim)


class VitAnchor(nn.Module):
    """A vision transformer's patch features; twice as wide where local and global features are put side by side."""

    cos: Tensor  # (N, head_dim) of places in the picture
    sin: Tensor
    global_cos: Tensor  # (N, head_dim) of one place for all patches
    global_sin: Tensor

    def __init__(self, shape: VitShape, grid: int) -> None:
        super().__init__()
        self.shape, self.grid = shape, grid
        self.patch_embed = PatchEmbed(shape.dim)
        self.cls_token = nn.Parameter(0.02 * torch.randn(1, 1, shape.dim))
        self.pos_embed = nn.Parameter(0.02 * torch.randn(1, 1 + grid * grid, shape.dim))
        if shape.n_registers:
            self.register_tokens = nn.Parameter(0.02 * torch.randn(1, shape.n_registers, shape.dim))
        if shape.rotary_from is not None:
            self.camera_token = nn.Parameter(0.02 * torch.randn(1, 2, shape.dim))  # of the first view, of further ones
        first = shape.n_blocks if shape.rotary_from is None else shape.rotary_from
        self.blocks = nn.ModuleList(VitBlock(shape, rotary=i >= first) for i in range(shape.n_blocks))
        self.norm = nn.LayerNorm(shape.dim, eps=1e-6)
        places = torch.cartesian_prod(torch.arange(grid), torch.arange(grid)) + 1.0  # (grid * grid, 2), row and column
        for name, at in (("", places), ("global_", torch.ones_like(places))):
            cos, sin = _rotations(at, shape.dim // shape.n_heads)
            self.register_buffer(f"{name}cos", cos, persistent=False)
            self.register_buffer(f"{name}sin", sin, persistent=False)

    @override
    def forward(self, picture: Tensor) -> Tensor:
        """Take pictures (B, 3, 14 grid, 14 grid) in ImageNet's normalisation; return (B, dim or 2 dim, grid, grid)."""
        patches = self.patch_embed(picture)
        x = torch.cat([self.cls_token.expand(len(patches), -1, -1), patches], dim=1) + self.pos_embed
        if self.shape.n_registers:
            registers = self.register_tokens.expand(len(x), -1, -1)
            x = torch.cat([x[:, :1], registers, x[:, 1:]], dim=1)
        features = self._through(x)[:, 1 + self.shape.n_registers :]  # patches only
        return features.transpose(1, 2).reshape(len(x), -1, self.grid, self.grid)

    def _through(self, x: Tensor) -> Tensor:
        local = x
        for index, block in enumerate(self.blocks):
            if index == self.shape.rotary_from:
                x = torch.cat([self.camera_token[:, :1].expand(len(x), -1, -1), x[:, 1:]], dim=1)
            if index in self.shape.global_blocks:
                x = block(x, self.global_cos, self.global_sin)
            else:
                x = block(x, self.cos, self.sin)
                local = x
        # Depth Anything 3 normalises the half that has seen all views, and not the other.
        return torch.cat([local, self.norm(x)], dim=-1) if self.shape.global_blocks else self.norm(x)


def build_anchors(config: SvamConfig) -> tuple[nn.Module, nn.Module]:
    """Return the semantic and the geometric anchor."""
    if config.anchor == "conv":
        return ConvAnchor(config.semantic_dim), ConvAnchor(config.geometric_dim)
    return VitAnchor(DINOV2_B14_REG, config.grid), VitAnchor(DA3_LARGE_STAGE_0, config.grid)


def _rotations(places: Tensor, head_dim: int) -> tuple[Tensor, Tensor]:
    """Return cosines and sines (1 + N, head_dim): half of a head turns with the row, half with the column; the class token not."""
    places = torch.cat([torch.zeros(1, 2), places])
    quarter = head_dim // 4
    speeds = ROPE_BASE ** -(torch.arange(quarter) / quarter)
    angles = torch.cat([(places[:, axis, None] * speeds).repeat(1, 2) for axis in (0, 1)], dim=-1)
    return angles.cos(), angles.sin()


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate pairs of channels (i, i + quarter) within each half of a head (B, heads, N, head_dim)."""
    a, b, c, d = x.chunk(4, dim=-1)
    return x * cos + torch.cat([-b, a, -d, c], dim=-1) * sin
