"""The teachers: two vision experts, frozen, that say what there is in a picture.

depth teacher: fitted to the simulator's exact depth, then frozen
MobileSAM: as released; its 256 channels reduced to the directions in which the recorded pictures differ most
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's own spelling
from numpy.typing import NDArray
from torch import Tensor, nn

from distill.fitting import Figures, batch_of
from distill.svam.autoencoder_stage import as_input
from distill.svam.clips import ClipIndex
from models.svam.depth_teacher import DepthTeacher
from models.svam.mobile_sam import MobileSamEncoder

_LOOKED_AT = 256
_AT_ONCE = 32  # pictures
_MEASURED = 1024  # about so many pictures are behind the mean and spread of depth


class DepthJob:
    """Pictures in, the simulator's depth out."""

    name = "depth-teacher"

    def __init__(
        self, network: DepthTeacher, pictures: NDArray[np.uint8], depth_mm: NDArray[np.uint16], index: ClipIndex,
        batch_size: int,
    ) -> None:  # fmt: skip
        self.network: nn.Module = network
        self.hot: tuple[nn.Module, ...] = (network.encoder, network.decoder)
        self._pictures, self._depth_mm = torch.from_numpy(pictures), depth_mm
        self._learnt, self._held_out = np.flatnonzero(~index.held_out), np.flatnonzero(index.held_out)
        self._batch_size = batch_size
        some = self._learnt[:: max(1, len(self._learnt) // _MEASURED)]
        network.fit_depth(torch.from_numpy(depth_mm[some].astype(np.float32)))

    def loss(self, network: nn.Module, draw: torch.Generator) -> Tensor:
        """Return the mean absolute error of a random batch."""
        assert isinstance(network, DepthTeacher)
        at = self._learnt[batch_of(len(self._learnt), self._batch_size, draw).cpu().numpy()]
        return network.loss(*self._samples(at, draw.device))

    def look(self, network: nn.Module, step: int) -> Figures:
        """Return the median error in mm, and the share of pixels off by more than a centimetre."""
        del step
        at = self._held_out[np.linspace(0, len(self._held_out) - 1, _LOOKED_AT).astype(np.int64)]
        pictures, depth_mm = self._samples(at, next(network.parameters()).device)
        off_mm = (network(pictures) - depth_mm).abs()[depth_mm > 0]
        return {"median_off_mm": float(off_mm.median()), "off_by_1_cm_ratio": float((off_mm > 10.0).float().mean())}

    def _samples(self, at: NDArray[np.int64], device: torch.device) -> tuple[Tensor, Tensor]:
        depth_mm = torch.from_numpy(self._depth_mm[at].astype(np.float32)).to(device)
        return as_input(self._pictures[at], device), depth_mm


@dataclass(frozen=True, slots=True)
class SemanticBasis:
    """Principal directions of MobileSAM's features: the mean (256,), directions (256, dim), and one scale for all."""

    mean: Tensor
    directions: Tensor
    scale_ratio: float

    def reduced(self, features: Tensor) -> Tensor:
        """Return (B, dim, g, g) of features (B, 256, g, g); the scale leaves strong directions stronger than weak ones."""
        centred = features.permute(0, 2, 3, 1).float() - self.mean
        return (centred @ self.directions / self.scale_ratio).permute(0, 3, 1, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Teachers:
    """Both experts, frozen, on one grid."""

    depth: DepthTeacher
    sam: MobileSamEncoder
    basis: SemanticBasis
    grid: int
    sam_px: int  # side of the pictures that MobileSAM is shown

    @torch.no_grad()
    def geometric(self, pictures: Tensor) -> Tensor:
        """Return geometric features (B, S, dim) of pictures (B, 3, p, p) in -1..1."""
        found = [self.depth.features(part).float() for part in _parts(pictures)]
        return torch.cat(found).flatten(2).transpose(1, 2)

    @torch.no_grad()
    def semantic(self, pictures: Tensor) -> Tensor:
        """Return semantic features (B, S, dim)."""
        found = [self.basis.reduced(sam_features(self.sam, part, self.grid, self.sam_px)) for part in _parts(pictures)]
        return torch.cat(found).flatten(2).transpose(1, 2)


@torch.no_grad()
def sam_features(sam: MobileSamEncoder, pictures: Tensor, grid: int, sam_px: int) -> Tensor:
    """Return MobileSAM's features (B, 256, grid, grid) of pictures (B, 3, p, p) in -1..1, which are enlarged to `sam_px`."""
    large = F.interpolate(pictures, size=(sam_px, sam_px), mode="bicubic", antialias=True)
    features = sam((127.5 * (large + 1.0)).clamp(0.0, 255.0))
    return F.adaptive_avg_pool2d(features, grid)


@torch.no_grad()
def fit_basis(sam: MobileSamEncoder, pictures: Tensor, grid: int, sam_px: int, dim: int) -> SemanticBasis:
    """Return the `dim` directions in which features of pictures (B, 3, p, p) differ most."""
    found = [sam_features(sam, part, grid, sam_px).float().cpu() for part in _parts(pictures)]
    features = torch.cat(found).permute(0, 2, 3, 1).flatten(0, 2).double().numpy()  # (B * S, 256)
    mean = features.mean(0)
    values, vectors = np.linalg.eigh((features - mean).T @ (features - mean) / len(features))  # ascending
    directions, scale = np.ascontiguousarray(vectors[:, ::-1][:, :dim]), float(np.sqrt(values[::-1][:dim].mean()))
    as_tensors = (torch.from_numpy(part).float().to(pictures.device) for part in (mean, directions))
    return SemanticBasis(*as_tensors, scale_ratio=scale)


def _parts(pictures: Tensor) -> list[Tensor]:
    return [pictures[start : start + _AT_ONCE] for start in range(0, len(pictures), _AT_ONCE)]
