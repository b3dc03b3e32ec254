"""Training samples out of recorded episodes: a picture, joints some age later, and the expert's targets from then on.

A sample pairs the picture taken at step s with the joints at step s + age, because at run time the action network reads fresh
joints beside a foresight that has aged; the age is drawn anew each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill.episode import STEP_S
from distill.recipe import Recipe
from models.small_policy import FORESEEN_S, SmallPolicy

_STEP_MS = 1000.0 * STEP_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One batch of samples."""

    picture: Tensor  # (B, 3, 120, 120) in 0..1
    instruction: Tensor  # (B, n_instructions) one-hot
    joints_rad: Tensor  # (B, joint)
    age_s: Tensor  # (B,)
    chunk_rad: Tensor  # (B, horizon, joint) relative to joints_rad
    foreseen_m: Tensor  # (B, instant, point, 3) fingertip, object and goal


class Samples:
    """All recorded episodes in memory, and random batches of them."""

    def __init__(self, recipe: Recipe, shards: list[Path]) -> None:
        """Read the shards; raises OSError or ValueError when one is broken."""
        self.recipe = recipe
        files = [np.load(path) for path in shards]  # an array is read when it is asked for
        joints = [file["joints_rad"] for file in files]
        first_step = np.cumsum([0] + [len(rows) for rows in joints])

        def joined(key: str) -> NDArray[Any]:
            return np.concatenate([file[key] for file in files])

        def joined_steps(key: str) -> NDArray[np.int64]:
            return np.concatenate([file[key] + start for file, start in zip(files, first_step, strict=False)])

        self.picture_step = joined_steps("picture_step")  # (picture,) into the arrays below
        self.picture_last = joined_steps("picture_last")  # (picture,) last step of the picture's episode
        self.picture_task = joined("picture_task").astype(np.int64)
        self.joints_rad: NDArray[np.float32] = np.concatenate(joints)  # (step, joint)
        self.target_rad: NDArray[np.float32] = joined("target_rad")
        self.points_m: NDArray[np.float32] = joined("points_m")  # (step, point, 3)
        self.pictures = self._read_pictures(files)

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.pictures)

    def fit_statistics(self, policy: SmallPolicy, rng: np.random.Generator) -> None:
        """Set the policy's joint and chunk statistics from these episodes."""
        index = rng.integers(len(self), size=4096)
        step = np.minimum(self.picture_step[index] + 8, self.picture_last[index])
        chunk = self._targets(step, self.picture_last[index]) - self.joints_rad[step][:, None]
        joints = self.joints_rad[step]
        for name, values, floor in (("joint", joints, 0.05), ("chunk", chunk, 0.02)):
            getattr(policy, f"{name}_mean").copy_(torch.from_numpy(values.mean(0)))
            getattr(policy, f"{name}_std").copy_(torch.from_numpy(np.maximum(values.std(0), floor)))

    def batch(self, size: int, rng: np.random.Generator) -> Batch:
        """Return `size` random samples, with noise on joints and brightness as the recipe says."""
        training = self.recipe.training
        index = rng.integers(len(self), size=size)
        at, last = self.picture_step[index], self.picture_last[index]
        age_max_ms = np.where(rng.random(size) < 0.75, training.age_typical_ms, training.age_max_ms)
        age_steps = np.rint(rng.uniform(training.age_min_ms, age_max_ms) / _STEP_MS).astype(np.int64)
        now = np.minimum(at + age_steps, last)
        joints = self.joints_rad[now] + rng.normal(0, training.joint_noise_rad, (size, 6)).astype(np.float32)
        later = np.rint(np.array(FORESEEN_S) / STEP_S).astype(np.int64)
        foreseen = self.points_m[np.minimum(at[:, None] + later, last[:, None])]
        return Batch(
            picture=self._brightened(self.pictures[index], rng),
            instruction=torch.nn.functional.one_hot(
                torch.from_numpy(self.picture_task[index]), len(self.recipe.instructions)
            ).float(),
            joints_rad=torch.from_numpy(joints),
            age_s=torch.from_numpy(((now - at) * STEP_S).astype(np.float32)),
            chunk_rad=torch.from_numpy(self._targets(now, last) - joints[:, None]),
            foreseen_m=torch.from_numpy(foreseen),
        )

    def _read_pictures(self, files: list[Any]) -> NDArray[np.uint8]:
        """Return the pictures (picture, 120, 120, 3), read shard by shard: they are gigabytes, and must not be there twice."""
        pictures = np.empty((len(self.picture_step), *files[0]["pictures"].shape[1:]), np.uint8)
        start = 0
        for file in files:
            shard = file["pictures"]
            pictures[start : start + len(shard)] = shard
            start += len(shard)
        return pictures

    def _targets(self, step: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.float32]:
        first, every = round(self.recipe.first_ms / _STEP_MS), round(self.recipe.step_ms / _STEP_MS)
        rows = step[:, None] + first + every * np.arange(self.recipe.horizon)
        return self.target_rad[np.minimum(rows, last[:, None])]  # (B, horizon, joint)

    def _brightened(self, pictures: NDArray[np.uint8], rng: np.random.Generator) -> Tensor:
        spread = self.recipe.training.brightness_ratio
        picture = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255.0
        gain = torch.from_numpy(rng.uniform(1 - spread, 1 + spread, (len(pictures), 3, 1, 1)).astype(np.float32))
        offset = torch.from_numpy(rng.uniform(-spread / 2, spread / 2, (len(pictures), 1, 1, 1)).astype(np.float32))
        return (picture * gain + offset).clamp(0.0, 1.0)
