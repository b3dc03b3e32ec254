"""Moments of episodes that nobody has trained on, played by the scripted expert: what was seen, what followed, and what was done.

The expert plays without noise, so that the recorded targets are what drove the arm, and what happened is what these actions lead to.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill.episode import Episode, EpisodePlan
from distill.recorders import open_recorder
from distill.svam.showing.watched import world_of
from distill.worlds import WORLDS
from interfaces.errors import RefusedError
from models.moment import Moment
from models.uva.policy import UvaPolicy

TIME_LIMIT_S = 12.0  # as in the recipes' demonstrations
_AGE_S = 0.05  # of a frame when the joints are read; training knows ages from 0.02 s on
_AT_ONCE = 32  # pictures


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # each is itself only: tensors are not simply equal
class Scene:
    """One moment of an episode."""

    task: str
    seed: int
    instant_s: float  # since the episode began
    moment: Moment  # a batch of one
    now: Tensor  # (3, p, p) in -1..1, as the policy sees it
    future: Tensor  # (T, 3, p, p)


class Witness:
    """The world of a policy, its camera and its scripted expert."""

    def __init__(self, policy: UvaPolicy) -> None:
        """Open the world; raises RefusedError where the policy's is not among ours, or its package is missing."""
        config = policy.config
        world = world_of(config)
        facts = WORLDS[world]
        self._policy, self._step_s = policy, facts.step_s
        self.tasks = tuple(name for name in config.instructions if name in facts.tasks)
        # At the side of the camera's square the recorder leaves pictures as they are: the policy resizes them itself.
        self._recorder = open_recorder(world, facts.crop_px)
        frame, history = self._steps(config.frame_step_ms), self._steps(config.history_step_ms)
        self._every = gcd(frame, history) if config.n_history > 1 else frame  # grid steps between pictures
        self._future = frame // self._every * np.arange(1, config.n_frames + 1)  # in pictures from now
        self._past = history // self._every * np.arange(1 - config.n_history, 1)
        first, every = self._steps(config.first_ms), self._steps(config.step_ms)
        self._rows = [first + every * row for row in range(config.horizon)]  # grid steps after the joints

    def scenes(self, task: str, seed: int) -> list[Scene]:
        """Return all moments of an episode after which a whole future was seen; raises RefusedError where there are none."""
        step_s, age = self._step_s, round(_AGE_S / self._step_s)
        needed_s = max(int(self._future[-1]) * self._every, age + self._rows[-1]) * step_s
        episode = self._recorder.record(
            EpisodePlan(
                task=task, seed=seed, noisy=False, time_limit_s=TIME_LIMIT_S, after_success_s=needed_s + step_s,
                picture_every=self._every, driver=None, driver_ticks=0,
            )
        )  # fmt: skip
        pictures, latents = self._seen(episode)
        n_instants = len(pictures) - int(self._future[-1])
        if n_instants < 1:
            raise RefusedError(
                f"{task}, seed {seed}: the episode has {len(pictures)} frames; expected more than {self._future[-1]}"
            )
        return [
            Scene(
                task=task, seed=seed, instant_s=episode.picture_step[at] * step_s,
                moment=self._moment(episode, latents, at, self._policy.config.instructions.index(task)),
                now=pictures[at], future=pictures[at + self._future],
            )
            for at in range(n_instants)
        ]  # fmt: skip

    def _steps(self, step_ms: float) -> int:
        return round(step_ms / 1000.0 / self._step_s)

    @torch.no_grad()
    def _seen(self, episode: Episode) -> tuple[Tensor, Tensor]:
        """Return an episode's pictures (n, 3, p, p) as the policy sees them, and their latents (n, c, g, g)."""
        policy, device = self._policy, self._policy.text_table.device
        small: list[Tensor] = []
        latents: list[Tensor] = []
        for start in range(0, len(episode.pictures), _AT_ONCE):
            part = torch.from_numpy(np.stack(episode.pictures[start : start + _AT_ONCE])).to(device)
            small.append(2.0 * policy.resize(part) - 1.0)
            latents.append(policy.encode(part)[:, 0])
        return torch.cat(small), torch.cat(latents)

    def _moment(self, episode: Episode, latents: Tensor, at: int, task: int) -> Moment:
        start = episode.picture_step[at] + round(_AGE_S / self._step_s)
        last = len(episode.target_rad) - 1
        targets = [episode.target_rad[min(start + row, last)] for row in self._rows]
        joints = episode.joints_rad[min(start, last)]
        return Moment(
            frames=latents[np.maximum(at + self._past, 0)][None],
            future=latents[at + self._future][None],
            task=torch.tensor([task], device=latents.device),
            joints_rad=_floats(joints, latents),
            age_s=_floats(np.asarray(_AGE_S), latents),
            target_rad=_floats(np.stack(targets), latents),
        )


def together(scenes: list[Scene]) -> Moment:
    """Return the moments of scenes as one batch."""
    parts = [scene.moment for scene in scenes]
    return Moment(
        frames=torch.cat([part.frames for part in parts]), future=torch.cat([part.future for part in parts]),
        task=torch.cat([part.task for part in parts]), joints_rad=torch.cat([part.joints_rad for part in parts]),
        age_s=torch.cat([part.age_s for part in parts]), target_rad=torch.cat([part.target_rad for part in parts]),
    )  # fmt: skip


def others(scenes: list[Scene]) -> list[Scene]:
    """Return for each scene one of another episode of its task, about as far on in that. Needs two episodes of each task."""
    episodes: dict[str, dict[int, list[Scene]]] = {}
    for scene in scenes:
        episodes.setdefault(scene.task, {}).setdefault(scene.seed, []).append(scene)
    found: list[Scene] = []
    for scene in scenes:
        of_task = episodes[scene.task]
        seeds = list(of_task)
        own, other = of_task[scene.seed], of_task[seeds[(seeds.index(scene.seed) + 1) % len(seeds)]]
        found.append(other[own.index(scene) * len(other) // len(own)])
    return found


def _floats(values: NDArray[np.float64], like: Tensor) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))[None].to(like.device)
