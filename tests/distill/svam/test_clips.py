"""Clips: the future of a picture stays in its episode, and an episode is held out as a whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from distill.svam.clips import LatentClips, read_index, read_pictures, read_shard
from interfaces.errors import ConfigError


def shard(path: Path, lengths: list[int], task: int, first: int = 0) -> Path:
    """Write a shard of episodes with so many pictures; the n-th picture of all is grey n."""
    ends = np.cumsum(lengths) - 1
    grey = np.arange(first, first + sum(lengths), dtype=np.uint8)
    np.savez(
        path, pictures=np.broadcast_to(grey[:, None, None, None], (len(grey), 4, 4, 3)),
        picture_last=np.repeat(10 * ends + 9, lengths), picture_task=np.full(len(grey), task, np.int8),
    )  # fmt: skip
    return path


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    return [
        shard(tmp_path / "a.npz", [3, 2], task=0),
        shard(tmp_path / "b.npz", [4], task=1, first=5),
        shard(tmp_path / "c.npz", [2, 1], task=0, first=9),
    ]


def test_episodes_end_where_they_end(shards: list[Path]) -> None:
    index = read_index(shards, held_out_every=2)
    assert index.last.tolist() == [2, 2, 2, 4, 4, 8, 8, 8, 8, 10, 10, 11]
    assert index.task.tolist() == [0] * 5 + [1] * 4 + [0] * 3
    assert index.futures(np.array([0, 5, 11]), n_frames=3, stride=1).tolist() == [[1, 2, 2], [6, 7, 8], [11, 11, 11]]
    assert index.futures(np.array([5]), n_frames=2, stride=2).tolist() == [[7, 8]]


def test_every_nth_episode_of_a_task_is_held_out_whole(shards: list[Path]) -> None:
    index = read_index(shards, held_out_every=2)
    #                               episode 0 of task 0, 1           task 1: 0     task 0: 2, 3
    assert index.held_out.tolist() == [True] * 3 + [False] * 2 + [True] * 4 + [True] * 2 + [False]


def test_pictures_lie_as_the_index_says(shards: list[Path]) -> None:
    pictures = read_pictures(shards, 12)
    assert pictures.shape == (12, 4, 4, 3)
    assert pictures[:, 0, 0, 0].tolist() == list(range(12))


def test_clips_hold_the_latents_of_frame_and_future(shards: list[Path]) -> None:
    index = read_index(shards, held_out_every=2)
    latents = torch.arange(12.0)[:, None, None, None].expand(12, 2, 1, 1).half()
    clips = LatentClips(latents, index, n_frames=3, stride=1)
    frame, future, task = clips.clips(torch.tensor([5, 3]))
    assert frame[:, 0, 0, 0].tolist() == [5.0, 3.0]
    assert future[:, :, 0, 0, 0].tolist() == [[6.0, 7.0, 8.0], [4.0, 4.0, 4.0]]
    assert task.tolist() == [1, 0]
    assert clips.learnt.tolist() == [3, 4, 11]
    assert frame.dtype == torch.float32


def test_a_damaged_shard_is_named(shards: list[Path]) -> None:
    shards[1].write_bytes(b"half a shard")
    with pytest.raises(ConfigError, match=r"b\.npz: picture_task cannot be read .*delete it to have it made again"):
        read_index(shards, held_out_every=2)
    with pytest.raises(ConfigError, match=r"a\.npz: depth_mm cannot be read"):
        read_shard(shards[0], "depth_mm")
