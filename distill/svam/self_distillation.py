"""The self-distillation set: what one step of the video model feels, and the video that the very same noise becomes, as one record.

A record is (clip, noise, one-step features, generated video). Students later learn, from the features, what experts see in the
generated frames; that can be learnt sharply only because both come from the same noise. So a record never loses its noise: it is
the policy's own (seed 0), or drawn from the record's seed by `noise_of`. The arms of the comparison keep the records, and only the
future that is looked at is another (distill/svam/targets.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill.checkpoint import write_arrays
from distill.compute import Compute
from distill.svam.clips import LatentClips
from distill.svam.recipe import SelfDistillationRecipe
from interfaces.progress import Progress
from models.svam.policy import SvamPolicy

OWN_NOISE = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPlan:
    """Which clips videos are generated for, and from which noise; a function of the recipe alone."""

    clip: NDArray[np.int64]  # (record,) the picture that a clip begins with
    noise_seed: NDArray[np.int64]  # (record,)


def plan_records(recipe: SelfDistillationRecipe, clips: LatentClips) -> RecordPlan:
    """Return what to generate: clips that are not held out, none twice before all have had their turn."""
    rng = np.random.default_rng(recipe.seed)
    learnt = clips.learnt.cpu().numpy()
    n_turns = -(-recipe.records // len(learnt))
    clip = np.concatenate([rng.permutation(learnt) for _ in range(n_turns)])[: recipe.records]
    fresh = rng.random(recipe.records) < recipe.fresh_noise_ratio
    seeds = rng.integers(1, 2**31, recipe.records)
    return RecordPlan(clip=clip, noise_seed=np.where(fresh, seeds, OWN_NOISE))


def other_noise_seeds(recipe: SelfDistillationRecipe) -> NDArray[np.int64]:
    """Return, for each record, the seed of a noise that is not its own (record,): for videos that do not belong to its features."""
    return np.random.default_rng((recipe.seed, 1)).integers(1, 2**31, recipe.records)


def noise_of(policy: SvamPolicy, seeds: NDArray[np.int64]) -> Tensor:
    """Return the noise (B, T, c, g, g) that records begin with, on the CPU."""
    own = policy.initial_noise.cpu()
    return torch.stack(
        [
            own if seed == OWN_NOISE else torch.randn(own.shape, generator=torch.Generator().manual_seed(int(seed)))
            for seed in seeds
        ]
    )


def record_files(recipe: SelfDistillationRecipe, folder: Path) -> list[Path]:
    """Return the files of a set, `batch_size` records each."""
    n_files = -(-recipe.records // recipe.batch_size)
    return [folder / f"records-{number:05d}.npz" for number in range(n_files)]


@torch.no_grad()
def generate_records(
    policy: SvamPolicy, clips: LatentClips, recipe: SelfDistillationRecipe, folder: Path, compute: Compute,
    progress: Progress,
) -> None:  # fmt: skip
    """Write the files that are not there yet."""
    plan, video = plan_records(recipe, clips), policy.video.to(compute.device).eval()
    text_table = policy.text_table.to(compute.device)
    files = record_files(recipe, folder)
    for number, path in enumerate(files):
        if path.exists():
            continue
        chosen = slice(number * recipe.batch_size, (number + 1) * recipe.batch_size)
        frame, _, task = clips.clips(torch.from_numpy(plan.clip[chosen]).to(compute.device))
        noise, text = noise_of(policy, plan.noise_seed[chosen]).to(compute.device), text_table[task]
        with compute.autocast():
            features = video.features(noise, frame, text)
            latents = video.sample(noise, frame, text, recipe.steps)
        arrays = {
            "clip": plan.clip[chosen], "noise_seed": plan.noise_seed[chosen], "task": task.cpu().numpy(),
            "features": _half(features), "latents": _half(latents),
        }  # fmt: skip
        write_arrays(path, arrays)
        progress(number + 1, len(files), f"{recipe.batch_size} videos each, {recipe.steps} steps")


def _half(values: Tensor) -> NDArray[np.float16]:
    return values.cpu().to(torch.float16).numpy()
