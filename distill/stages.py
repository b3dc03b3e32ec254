"""The stages of a recipe, each kept in the run's folder, so that the same command goes on where it stopped.

    demonstrations -> train -> recovery demonstrations (the policy drives, the expert takes over) -> train on -> samples

The folder then holds `policy.pt` and `samples.npz`, which is what `forerun export` reads.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill.behaviour_cloning import train
from distill.demonstrations import Shard, plan_shards, record
from distill.episode import EpisodePlan
from distill.recipe import Recipe
from distill.recorders import EpisodeRecorder, open_recorder
from distill.samples import Samples
from distill.worlds import WorldName
from interfaces.progress import StartStage
from interfaces.sample_file import write_samples
from models.robot_side import RobotSide
from models.small_policy import load_policy, save_policy

POLICY_FILE = "policy.pt"
SAMPLES_FILE = "samples.npz"
_SAMPLES_SEED = 90_000  # neither trained nor evaluated on
_SAMPLES_PER_TASK = 2
_FIRST_LOOK_S = 0.05  # after an episode begins


def run_recipe(recipe: Recipe, folder: Path, start_stage: StartStage) -> Path:
    """Run what is missing of a recipe in `folder`, and return the policy's checkpoint.

    `start_stage(title)` is called once a stage and returns what reports its progress.
    """
    folder.mkdir(parents=True, exist_ok=True)
    episodes = folder / "episodes"
    episodes.mkdir(exist_ok=True)
    first, last = folder / "first.pt", folder / POLICY_FILE

    expert_shards = plan_shards(recipe.demonstrations, episodes)
    record(recipe.demonstrations, expert_shards, None, start_stage("demonstrations by the expert"))
    if not first.exists():
        samples = Samples(recipe, _written(expert_shards))
        save_policy(train(recipe, samples, folder, None, start_stage("training")), first)

    recovery_shards = plan_shards(recipe.demonstrations, episodes, recovery_round=1)
    record(
        recipe.demonstrations, recovery_shards, first, start_stage("recovery: the policy drives, the expert takes over")
    )
    if not last.exists():
        samples = Samples(recipe, _written(expert_shards + recovery_shards))
        start = load_policy(first).train()
        save_policy(train(recipe, samples, folder, start, start_stage("training with recovery")), last)

    if not (folder / SAMPLES_FILE).exists():
        record_samples(load_policy(last).config, folder / SAMPLES_FILE)
    return last


def record_samples(config: RobotSide, path: Path, world: WorldName = "so101") -> None:
    """Write real inputs of both graphs from unseen episodes, as the camera and the bus give them."""
    recorder = open_recorder(world, None)
    rng = np.random.default_rng(_SAMPLES_SEED)
    rows: dict[str, list[NDArray[Any] | np.float32]] = {
        name: [] for name in (config.camera, "instruction", "joints", "foresight_age", "noise")
    }
    for index, task in enumerate(config.instructions):
        for number in range(_SAMPLES_PER_TASK):
            plan = EpisodePlan(
                task=task, seed=_SAMPLES_SEED + number, noisy=True, time_limit_s=0.5 + number, after_success_s=0.0,
                picture_every=10, driver=None, driver_ticks=0,
            )  # fmt: skip
            rows[config.camera].append(_seen(recorder, plan, config))
            rows["instruction"].append(np.eye(config.n_instructions, dtype=np.float32)[index])
            rows["joints"].append(recorder.joints().astype(np.float32))
            rows["foresight_age"].append(np.float32(rng.uniform(0.02, 0.2)))
            rows["noise"].append(rng.normal(size=(config.horizon, config.n_joints)).astype(np.float32))
    write_samples(path, {name: np.stack(values) for name, values in rows.items()})


def _seen(recorder: EpisodeRecorder, plan: EpisodePlan, config: RobotSide) -> NDArray[np.uint8]:
    """Return what the foresight sees at an episode's end, and leave the world there: (H, W, 3), or (n_history, H, W, 3), oldest first.

    The past is the same episode ended sooner: one that is recorded again is the same.
    """
    frames: list[NDArray[np.uint8]] = []
    for back in range(config.n_history - 1, -1, -1):
        sooner_s = back * config.history_step_ms / 1000.0
        recorder.record(replace(plan, time_limit_s=max(plan.time_limit_s - sooner_s, _FIRST_LOOK_S)))
        frames.append(recorder.frame())
    return frames[0] if config.n_history == 1 else np.stack(frames)


def _written(shards: list[Shard]) -> list[Path]:
    return [shard.path for shard in shards if shard.path.exists()]
