"""Records the demonstrations of a recipe in shards, over all cores; a shard that exists is not recorded again."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from distill.checkpoint import write_arrays
from distill.episode import Driver, Episode, EpisodePlan
from distill.policy_driver import PolicyDriver
from distill.recipe import DemonstrationRecipe, TaskRecipe
from distill.recorders import EpisodeRecorder, open_recorder, require_world
from interfaces.progress import Progress

SHARD_EPISODES = 25
_RECOVERY_SEEDS = 1_000_000  # each round of recovery episodes plays on seeds of its own
_DRIVEN_TICKS = (4, 60)  # for so many ticks of 50 ms the policy drives before the expert takes over


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One file of recorded episodes."""

    path: Path
    task: TaskRecipe
    first_seed: int
    count: int


def plan_shards(recipe: DemonstrationRecipe, folder: Path, recovery_round: int = 0) -> list[Shard]:
    """Return the shards of a recipe: demonstrations by the expert, or those of a round, from 1 on, that it takes over from a policy."""
    shards: list[Shard] = []
    for task in recipe.tasks:
        total = task.recovery_episodes[recovery_round - 1] if recovery_round else task.episodes
        base = recipe.first_seed + recovery_round * _RECOVERY_SEEDS
        for start in range(0, total, SHARD_EPISODES):
            name = f"{shards_of(recovery_round)}-{task.name}-{start:05d}.npz"
            count = min(SHARD_EPISODES, total - start)
            shards.append(Shard(path=folder / name, task=task, first_seed=base + start, count=count))
    return sorted(shards, key=lambda shard: shard.path.name[-9:])  # all tasks in turn: an early stop leaves a mix


def shards_of(recovery_round: int) -> str:
    """Return how the names of a round's shards begin."""
    return ("expert", "recovery")[recovery_round] if recovery_round < 2 else f"recovery{recovery_round}"


def record(recipe: DemonstrationRecipe, shards: list[Shard], policy: Path | None, progress: Progress) -> float:
    """Record the missing shards; return the share of the newly recorded episodes that succeeded.

    `policy` is the checkpoint that drives the first part of recovery episodes.
    """
    missing = [shard for shard in shards if not shard.path.exists()]
    if missing:
        require_world(recipe.world)  # a pool would start workers that fail for ever
    total, done, succeeded = sum(shard.count for shard in missing), 0, 0
    for count, good in _run(recipe, missing, policy):
        done, succeeded = done + count, succeeded + good
        progress(done, total, f"{succeeded} of {done} succeeded")
    return succeeded / total if total else 1.0


def _run(recipe: DemonstrationRecipe, shards: list[Shard], policy: Path | None) -> Iterator[tuple[int, int]]:
    # Spawned, not forked: an OpenGL context does not survive a fork.
    context = multiprocessing.get_context("spawn")
    with context.Pool(recipe.workers, _start_worker, (recipe, policy)) as pool:
        yield from pool.imap_unordered(_record_shard, shards)


@dataclass(slots=True)
class _Worker:
    recipe: DemonstrationRecipe
    recorder: EpisodeRecorder
    driver: Driver | None


_worker: _Worker | None = None


def _start_worker(recipe: DemonstrationRecipe, policy: Path | None) -> None:
    global _worker  # noqa: PLW0603 - one per process of the pool
    torch.set_num_threads(1)  # each core has a worker of its own
    recorder = open_recorder(recipe.world, recipe.video_px)
    driver = None if policy is None else PolicyDriver(recipe.instructions, policy, recorder.tick_s)
    _worker = _Worker(recipe=recipe, recorder=recorder, driver=driver)


def _record_shard(shard: Shard) -> tuple[int, int]:
    assert _worker is not None
    demonstrations = _worker.recipe
    episodes: list[Episode] = []
    for seed in range(shard.first_seed, shard.first_seed + shard.count):
        rng = np.random.default_rng((seed, 2))
        episodes.append(
            _worker.recorder.record(
                EpisodePlan(
                    task=shard.task.name,
                    seed=seed,
                    noisy=_worker.driver is None,
                    time_limit_s=demonstrations.time_limit_s,
                    after_success_s=demonstrations.after_success_s,
                    picture_every=demonstrations.picture_every,
                    driver=_worker.driver,
                    driver_ticks=int(rng.integers(*_DRIVEN_TICKS)),
                )
            )
        )
    good = [episode for episode in episodes if episode.succeeded]  # a failed expert teaches nothing
    if good:
        _save(shard.path, good, _worker.recipe.instructions.index(shard.task.name))
    return len(episodes), len(good)


def _save(path: Path, episodes: list[Episode], task: int) -> None:
    starts = np.cumsum([0] + [len(episode.joints_rad) for episode in episodes])
    n_pictures = [len(episode.pictures) for episode in episodes]
    arrays: dict[str, Any] = {
        "pictures": np.concatenate([np.stack(episode.pictures) for episode in episodes]),
        "picture_step": np.concatenate(
            [np.array(episode.picture_step) + start for episode, start in zip(episodes, starts, strict=False)]
        ).astype(np.int32),
        "picture_last": np.repeat(starts[1:] - 1, n_pictures).astype(np.int32),
        "picture_task": np.full(sum(n_pictures), task, np.int8),
        "joints_rad": np.concatenate([episode.joints_rad for episode in episodes]).astype(np.float32),
        "target_rad": np.concatenate([episode.target_rad for episode in episodes]).astype(np.float32),
        "points_m": np.concatenate([episode.points_m for episode in episodes]).astype(np.float32),
    }
    if episodes[0].depth_mm:
        arrays["depth_mm"] = np.concatenate([np.stack(episode.depth_mm) for episode in episodes])
    write_arrays(path, arrays)
