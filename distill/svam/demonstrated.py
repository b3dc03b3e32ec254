"""What the action expert learns from: foresights of recorded pictures, joints some age later, and the demonstrator's targets from then on.

Of all recorded episodes only so many a task have actions, as far as the expert is told: the rest is video. So how much video and how
many demonstrations a policy needs are two questions, asked of the same recording.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill.episode import STEP_S
from distill.svam.clips import ClipIndex, read_shard
from distill.svam.recipe import ExpertRecipe, SvamRecipe
from models.svam.policy import SvamPolicy

_STEP_MS = 1000.0 * STEP_S
_FILE_ROWS = 128
_JOINT_FLOOR_RAD, _CHUNK_FLOOR_RAD = 0.05, 0.02  # no joint counts for more because it hardly moved


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionBatch:
    """One batch of samples."""

    row: Tensor  # (B,) into the foresights
    task: Tensor  # (B,)
    joints_rad: Tensor  # (B, joint)
    age_s: Tensor  # (B,)
    target_rad: Tensor  # (B, horizon, joint)


class Demonstrated:
    """Joints and targets around chosen pictures."""

    def __init__(self, recipe: SvamRecipe, shards: list[Path], index: ClipIndex) -> None:
        """Read joints and targets. Raises ConfigError at a damaged shard."""
        self._recipe, self._expert = recipe, recipe.expert
        self.picture = chosen_pictures(index, recipe.expert)  # (row,) into the recorded pictures
        self.held_out = np.flatnonzero(index.held_out[self.picture])  # rows
        self.learnt = np.flatnonzero(~index.held_out[self.picture])
        self._task = index.task[self.picture]
        steps: list[NDArray[np.int64]] = []
        lasts: list[NDArray[np.int64]] = []
        joints: list[NDArray[np.float32]] = []
        targets: list[NDArray[np.float32]] = []
        n_steps = 0
        for shard in shards:
            steps.append(read_shard(shard, "picture_step").astype(np.int64) + n_steps)
            lasts.append(read_shard(shard, "picture_last").astype(np.int64) + n_steps)
            joints.append(read_shard(shard, "joints_rad"))
            targets.append(read_shard(shard, "target_rad"))
            n_steps += len(joints[-1])
        self._step: NDArray[np.int64] = np.concatenate(steps)[self.picture]
        self._last: NDArray[np.int64] = np.concatenate(lasts)[self.picture]
        self._joints_rad: NDArray[np.float32] = np.concatenate(joints)  # (step, joint)
        self._target_rad: NDArray[np.float32] = np.concatenate(targets)

    def fit_statistics(self, policy: SvamPolicy) -> None:
        """Set the policy's joint and chunk statistics from what is learnt."""
        now = np.minimum(self._step + round(self._expert.age_typical_ms / 2 / _STEP_MS), self._last)[self.learnt]
        joints = self._joints_rad[now]
        chunk = self._targets(now, self._last[self.learnt]) - joints[:, None]
        for name, values, floor in (("joint", joints, _JOINT_FLOOR_RAD), ("chunk", chunk, _CHUNK_FLOOR_RAD)):
            getattr(policy, f"{name}_mean").copy_(torch.from_numpy(values.mean(0)))
            getattr(policy, f"{name}_std").copy_(torch.from_numpy(np.maximum(values.std(0), floor)))

    def batch(self, row: NDArray[np.int64], rng: np.random.Generator, device: torch.device) -> ActionBatch:
        """Return samples of these rows: their ages are drawn anew, and joints are a little off."""
        expert, last = self._expert, self._last[row]
        age_max_ms = np.where(rng.random(len(row)) < 0.75, expert.age_typical_ms, expert.age_max_ms)
        age_steps = np.rint(rng.uniform(expert.age_min_ms, age_max_ms) / _STEP_MS).astype(np.int64)
        now = np.minimum(self._step[row] + age_steps, last)
        joints = self._joints_rad[now]
        joints = joints + rng.normal(0.0, expert.joint_noise_rad, joints.shape).astype(np.float32)
        age_s = ((now - self._step[row]) * STEP_S).astype(np.float32)
        return ActionBatch(
            row=torch.from_numpy(row),
            task=torch.from_numpy(self._task[row]).to(device),
            joints_rad=torch.from_numpy(joints).to(device),
            age_s=torch.from_numpy(age_s).to(device),
            target_rad=torch.from_numpy(self._targets(now, last)).to(device),
        )

    def _targets(self, step: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.float32]:
        first, every = round(self._recipe.first_ms / _STEP_MS), round(self._recipe.step_ms / _STEP_MS)
        rows = step[:, None] + first + every * np.arange(self._recipe.horizon)
        return self._target_rad[np.minimum(rows, last[:, None])]  # (B, horizon, joint)


def chosen_pictures(index: ClipIndex, expert: ExpertRecipe) -> NDArray[np.int64]:
    """Return the pictures of the first `demonstrations` episodes a task that are not held out, and of as many that are."""
    chosen: list[NDArray[np.int64]] = []
    for task in np.unique(index.task):
        for held_out in (False, True):
            of_kind = np.flatnonzero((index.task == task) & (index.held_out == held_out))
            episodes = np.unique(index.last[of_kind])[: expert.demonstrations]
            chosen.append(of_kind[np.isin(index.last[of_kind], episodes)])
    return np.sort(np.concatenate(chosen))


class Foresights:
    """Foresights (row, T, S, C) in half precision on disk, read where they are asked for."""

    def __init__(self, folder: Path, n_rows: int) -> None:
        self._folder, self._n_rows = folder, n_rows
        self._open: dict[int, NDArray[np.float16]] = {}

    def missing(self) -> list[tuple[Path, slice]]:
        """Return the files that are not there yet, and the rows that belong into each."""
        spans = [slice(start, min(start + _FILE_ROWS, self._n_rows)) for start in range(0, self._n_rows, _FILE_ROWS)]
        return [(self._file(span.start), span) for span in spans if not self._file(span.start).exists()]

    def read(self, rows: Tensor, device: torch.device) -> Tensor:
        """Return the foresights of rows (B,)."""
        chosen = cast("list[int]", rows.tolist())
        parts = [self._part(row // _FILE_ROWS)[row % _FILE_ROWS] for row in chosen]
        return torch.from_numpy(np.stack(parts)).to(device).float()

    def _file(self, start: int) -> Path:
        return self._folder / f"rows-{start // _FILE_ROWS:05d}.npy"

    def _part(self, number: int) -> NDArray[np.float16]:
        if number not in self._open:
            self._open[number] = np.load(self._file(number * _FILE_ROWS), mmap_mode="r")
        return self._open[number]
