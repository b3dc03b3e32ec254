"""What the action expert learns from: recorded pictures, joints some age later, and the demonstrator's targets from then on.

Of all recorded episodes only so many a task have actions, as far as the expert is told: the rest is video. So how much video and how
many demonstrations a policy needs are two questions, asked of the same recording. Where the expert took over from a policy, all of
it is learnt from.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill.svam.clips import ClipIndex, read_shard
from distill.svam.sampling import Sampling
from models.policy import Policy

_JOINT_FLOOR_RAD, _CHUNK_FLOOR_RAD = 0.05, 0.02  # no joint counts for more because it hardly moved

Pictures = NDArray[np.int64]  # numbers of recorded pictures, in the order of the shards


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionBatch:
    """One batch of samples."""

    picture: Pictures  # (B,) whose foresights are read
    task: Tensor  # (B,)
    joints_rad: Tensor  # (B, joint)
    age_s: Tensor  # (B,)
    target_rad: Tensor  # (B, horizon, joint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which pictures' actions are told."""

    learnt: Pictures
    held_out: Pictures

    @property
    def all(self) -> Pictures:
        """Return both kinds."""
        return np.concatenate([self.learnt, self.held_out])


def choose_pictures(index: ClipIndex, n_episodes: int, first_recovery: int) -> Chosen:
    """Return the pictures of the first so many episodes a task, and of all from `first_recovery` on.

    Held out are, of those that the index holds out, the ones that lie among the learnt.
    """
    number = np.arange(len(index))
    learnt = ~index.held_out & (number >= first_recovery)
    reached = number >= first_recovery
    for task in np.unique(index.task):
        of_task = (index.task == task) & (number < first_recovery)
        episodes = np.unique(index.last[of_task & ~index.held_out])[:n_episodes]
        learnt |= np.isin(index.last, episodes)
        reached |= of_task & (number <= episodes.max(initial=-1))
    return Chosen(learnt=np.flatnonzero(learnt), held_out=np.flatnonzero(index.held_out & reached))


class Demonstrated:
    """Joints and targets around all recorded pictures, and which of them are told."""

    def __init__(self, sampling: Sampling, shards: list[Path], index: ClipIndex, chosen: Chosen) -> None:
        """Read joints and targets. Raises ConfigError at a damaged shard."""
        self._sampling = sampling
        self.chosen, self._task = chosen, index.task
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
        self.n_pictures = [len(part) for part in steps]  # of each shard
        self._step: NDArray[np.int64] = np.concatenate(steps)
        self._last: NDArray[np.int64] = np.concatenate(lasts)
        self._joints_rad: NDArray[np.float32] = np.concatenate(joints)  # (step, joint)
        self._target_rad: NDArray[np.float32] = np.concatenate(targets)

    def fit_statistics(self, policy: Policy) -> None:
        """Set the policy's joint and chunk statistics from what is learnt."""
        learnt = self.chosen.learnt
        age_steps = round(self._sampling.age_typical_ms / 2 / self._sampling.grid_ms)
        now = np.minimum(self._step[learnt] + age_steps, self._last[learnt])
        joints = self._joints_rad[now]
        chunk = self._targets(now, self._last[learnt]) - joints[:, None]
        for name, values, floor in (("joint", joints, _JOINT_FLOOR_RAD), ("chunk", chunk, _CHUNK_FLOOR_RAD)):
            getattr(policy, f"{name}_mean").copy_(torch.from_numpy(values.mean(0)))
            getattr(policy, f"{name}_std").copy_(torch.from_numpy(np.maximum(values.std(0), floor)))

    def batch(
        self, picture: Pictures, rng: np.random.Generator, device: torch.device, age_s: float | None = None
    ) -> ActionBatch:
        """Return samples of these pictures (B,): joints are a little off, and ages are drawn anew, or all are `age_s`."""
        sampling, last = self._sampling, self._last[picture]
        age_max_ms = np.where(rng.random(len(picture)) < 0.75, sampling.age_typical_ms, sampling.age_max_ms)
        age_ms = rng.uniform(sampling.age_min_ms, age_max_ms) if age_s is None else np.full(len(last), 1000.0 * age_s)
        now = np.minimum(self._step[picture] + np.rint(age_ms / sampling.grid_ms).astype(np.int64), last)
        joints = self._joints_rad[now]
        joints = joints + rng.normal(0.0, sampling.joint_noise_rad, joints.shape).astype(np.float32)
        passed_s = ((now - self._step[picture]) * sampling.grid_s).astype(np.float32)
        return ActionBatch(
            picture=picture,
            task=torch.from_numpy(self._task[picture]).to(device),
            joints_rad=torch.from_numpy(joints).to(device),
            age_s=torch.from_numpy(passed_s).to(device),
            target_rad=torch.from_numpy(self._targets(now, last)).to(device),
        )

    def _targets(self, step: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.float32]:
        sampling = self._sampling
        first, every = round(sampling.first_ms / sampling.grid_ms), round(sampling.step_ms / sampling.grid_ms)
        rows = step[:, None] + first + every * np.arange(sampling.horizon)
        return self._target_rad[np.minimum(rows, last[:, None])]  # (B, horizon, joint)
