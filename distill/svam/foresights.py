"""Foresights of recorded pictures, made once, because the video model is frozen by now, and read many times.

A foresight is T x S x C numbers, 426 kB in half precision at small scale. It is kept in eight bits, each channel of each picture with
a scale of its own: 45,000 pictures are then 10 GB, which a machine that trains keeps in memory.
"""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill.checkpoint import write_array
from distill.svam.autoencoder_stage import as_input
from distill.svam.clips import open_array, read_shard
from distill.svam.run import Run
from models.svam.policy import SvamPolicy

_AT_ONCE = 32  # pictures
_LARGEST = 127


class Foresights:
    """Foresights (T, S, C) of the pictures of shards, a pair of files a shard: small integers, and what to multiply them with."""

    def __init__(self, folder: Path, shards: list[Path], n_pictures: list[int]) -> None:
        """Take the shards and how many pictures each has."""
        self._folder, self._shards = folder, shards
        self._starts = np.array([0, *accumulate(n_pictures)])
        self._open: dict[int, tuple[NDArray[np.int8], NDArray[np.float32]]] = {}

    def missing(self, pictures: NDArray[np.int64]) -> list[Path]:
        """Return the shards of these pictures (n,) that have no foresights yet."""
        wanted = {int(at) for at in self._shard_of(pictures)}
        return [self._shards[at] for at in sorted(wanted) if not self._files(self._shards[at])[0].exists()]

    def write(self, shard: Path, foresights: NDArray[np.int8], scale: NDArray[np.float32]) -> None:
        """Keep a shard's foresights (picture, T, S, C) and scales (picture, C)."""
        values_file, scale_file = self._files(shard)
        for path, values in ((scale_file, scale), (values_file, foresights)):  # who is there last says that both are
            write_array(path, values)

    def read(self, pictures: NDArray[np.int64], device: torch.device) -> Tensor:
        """Return the foresights (B, T, S, C) of pictures (B,)."""
        values: list[NDArray[np.int8]] = []
        scales: list[NDArray[np.float32]] = []
        for picture, shard in zip(pictures, self._shard_of(pictures), strict=True):
            kept, scale = self._part(int(shard))
            values.append(kept[picture - self._starts[shard]])
            scales.append(scale[picture - self._starts[shard]])
        scale = torch.from_numpy(np.stack(scales)).to(device)[:, None, None]
        return torch.from_numpy(np.stack(values)).to(device).float() * scale

    def _shard_of(self, pictures: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.searchsorted(self._starts, pictures, side="right") - 1

    def _files(self, shard: Path) -> tuple[Path, Path]:
        return self._folder / f"{shard.stem}.npy", self._folder / f"{shard.stem}.scale.npy"

    def _part(self, shard: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
        if shard not in self._open:
            values_file, scale_file = self._files(self._shards[shard])
            self._open[shard] = (open_array(values_file), open_array(scale_file))
        return self._open[shard]


@torch.no_grad()
def write_foresights(run: Run, policy: SvamPolicy, foresights: Foresights, pictures: NDArray[np.int64]) -> None:
    """Make what is missing of the foresights of these pictures (n,), by whole shards, from the policy's own noise, as on the robot."""
    missing = foresights.missing(pictures)
    if not missing:
        return
    progress, device = run.start_stage("foresights"), run.compute.device
    policy = policy.to(device).eval()
    for number, shard in enumerate(missing, start=1):
        seen = torch.from_numpy(read_shard(shard, "pictures"))
        task = torch.from_numpy(read_shard(shard, "picture_task").astype(np.int64))
        found: list[tuple[Tensor, Tensor]] = []
        for start in range(0, len(seen), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            with run.compute.autocast():
                found.append(_small(_foresee(policy, as_input(seen[part], device), task[part].to(device))))
        values, scales = (torch.cat(kind).numpy() for kind in zip(*found, strict=True))
        foresights.write(shard, values, scales)
        progress(number, len(missing), f"{len(seen)} pictures")


def _foresee(policy: SvamPolicy, pictures: Tensor, task: Tensor) -> Tensor:
    as_anchors_see = ((pictures + 1.0) / 2.0 - policy.picture_mean) / policy.picture_std
    return policy.seen(pictures, as_anchors_see, policy.text_table[task]).float()


def _small(foresight: Tensor) -> tuple[Tensor, Tensor]:
    """Return whole numbers like (B, T, S, C) and their scales (B, C)."""
    scale = foresight.abs().amax((1, 2)).clamp_min(1e-6) / _LARGEST
    return (foresight / scale[:, None, None]).round().to(torch.int8).cpu(), scale.cpu()
