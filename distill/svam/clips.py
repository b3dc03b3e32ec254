"""Recorded episodes as a video model sees them: pictures or latents one after the other, and where each one's future lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from interfaces.errors import ConfigError

LATENTS_FILE = "latents.npy"  # of all recorded pictures, in their order, as a run keeps them


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipIndex:
    """One row a recorded picture, in the order of the shards."""

    last: NDArray[np.int64]  # the last picture of this one's episode
    task: NDArray[np.int64]
    held_out: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of pictures, which is that of clips: one begins at each."""
        return len(self.last)

    def futures(self, at: NDArray[np.int64], n_frames: int, stride: int) -> NDArray[np.int64]:
        """Return the pictures (B, T) that follow those at `at` (B,); an episode's last one stays."""
        later = at[:, None] + stride * np.arange(1, n_frames + 1)
        return np.minimum(later, self.last[at][:, None])

    def pasts(self, at: NDArray[np.int64], n_frames: int, stride: int) -> NDArray[np.int64]:
        """Return the pictures (B, n) up to those at `at` (B,), oldest first; an episode's first one was always there."""
        first = np.searchsorted(self.last, self.last[at])  # the pictures of an episode lie side by side
        earlier = at[:, None] - stride * np.arange(n_frames - 1, -1, -1)
        return np.maximum(earlier, first[:, None])


def read_index(shards: list[Path], held_out_every: int) -> ClipIndex:
    """Return the index of all pictures; each so-many-th episode of a task is held out. Raises ConfigError at a damaged shard."""
    last: list[NDArray[np.int64]] = []
    task: list[NDArray[np.int64]] = []
    held_out: list[NDArray[np.bool_]] = []
    n_pictures, n_episodes = 0, dict[int, int]()
    for shard in shards:
        told, steps = read_shard(shard, "picture_task").astype(np.int64), read_shard(shard, "picture_last")
        ends = np.flatnonzero(np.append(np.diff(steps) != 0, True))  # the last picture of each episode
        episode = np.searchsorted(ends, np.arange(len(steps)))  # (picture,) within the shard
        number = n_episodes.get(int(told[0]), 0)
        n_episodes[int(told[0])] = number + len(ends)
        held_out.append((number + episode) % held_out_every == 0)
        last.append(n_pictures + ends[episode])
        task.append(told)
        n_pictures += len(steps)
    return ClipIndex(last=np.concatenate(last), task=np.concatenate(task), held_out=np.concatenate(held_out))


def read_pictures(shards: list[Path], n_pictures: int) -> NDArray[np.uint8]:
    """Return all pictures (picture, p, p, 3), read shard by shard: they must not be in memory twice."""
    first = read_shard(shards[0], "pictures")
    pictures = np.empty((n_pictures, *first.shape[1:]), np.uint8)
    start = 0
    for shard in shards:
        read = read_shard(shard, "pictures")
        pictures[start : start + len(read)] = read
        start += len(read)
    return pictures


def read_shard(path: Path, key: str) -> NDArray[Any]:
    """Return one array of a shard; raises ConfigError when the file is damaged or without it."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return file[key]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise ConfigError(
            str(path), "file", f"{key} cannot be read ({error})", "a whole file; delete it to have it made again"
        ) from None


def open_array(path: Path, mode: Literal["r", "c"] = "r") -> NDArray[Any]:
    """Return the array in a .npy file, read where it is asked for; raises ConfigError when the file is damaged."""
    try:
        return np.load(path, mmap_mode=mode, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ConfigError(
            str(path), "file", f"it cannot be read ({error})", "a whole file; delete it to have it made again"
        ) from None


def open_latents(path: Path, index: ClipIndex) -> Tensor:
    """Return the latents (picture, c, g, g) of all pictures; raises ConfigError when the file is damaged or of other episodes."""
    latents = open_array(path, "c")  # copy-on-write: torch knows no arrays that only read
    if len(latents) != len(index):
        raise ConfigError(
            str(path), "rows", len(latents),
            f"{len(index)}, the pictures of the recipe's episodes; delete it and what was made of it, or give another --out",
        )  # fmt: skip
    return torch.from_numpy(latents)


class LatentClips:
    """Latents of all pictures on the computing device, and clips of them."""

    def __init__(self, latents: Tensor, index: ClipIndex, n_frames: int, stride: int) -> None:
        """Take latents (picture, c, g, g), half precision will do."""
        self.latents, self.index = latents, index
        device = latents.device
        rows = np.arange(len(index))
        self._futures = torch.from_numpy(index.futures(rows, n_frames, stride)).to(device)
        self._task = torch.from_numpy(index.task).to(device)
        self.learnt = torch.from_numpy(np.flatnonzero(~index.held_out)).to(device)  # where clips for training begin
        self.held_out = torch.from_numpy(np.flatnonzero(index.held_out)).to(device)

    def clips(self, at: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the current frames' latents (B, c, g, g), the futures' (B, T, c, g, g), and tasks (B,)."""
        return self.latents[at].float(), self.latents[self._futures[at]].float(), self._task[at]

    def futures(self, at: Tensor) -> Tensor:
        """Return the pictures (B, T) that follow."""
        return self._futures[at]
