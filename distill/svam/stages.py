"""The stages of an S-VAM, each kept in the run's folder, so that the same command goes on where it stopped.

    demonstrations -> autoencoder -> latents -> video model -> self-distillation set

A finished stage is a file that is there: episodes/*.npz, autoencoder.pt, latents.npy, video.pt, foreseen/*.npz. A running one has a
state beside it, at most `checkpoint_every_s` old. figures.jsonl and pictures/ are for people.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from distill.checkpoint import check_sizes, read_torch, write_torch
from distill.compute import Compute, choose_compute, memory_for
from distill.demonstrations import plan_shards, record
from distill.fitting import FitRecipe, Job, Progress, Surroundings, fit
from distill.svam.autoencoder_stage import AutoencoderJob, write_latents
from distill.svam.clips import ClipIndex, LatentClips, read_index, read_pictures
from distill.svam.figures import add_figures
from distill.svam.recipe import SvamRecipe
from distill.svam.self_distillation import generate_records
from distill.svam.video_stage import VideoJob
from interfaces.errors import ForerunError
from models.svam.flow_video_model import FlowVideoModel
from models.svam.picture_autoencoder import PictureAutoencoder
from models.svam.policy import SvamPolicy

AUTOENCODER_FILE, LATENTS_FILE, VIDEO_FILE = "autoencoder.pt", "latents.npy", "video.pt"
RECORDS_FOLDER = "foreseen"
_MEASURED = 2048  # pictures behind the latents' mean and spread

StartStage = Callable[[str], Progress]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A recipe in a folder, on a machine."""

    recipe: SvamRecipe
    folder: Path
    compute: Compute
    start_stage: StartStage

    @property
    def pictures(self) -> Path:
        """Return where pictures for people go."""
        return self.folder / "pictures"

    def fit(self, job: Job, plan: FitRecipe, sizes: dict[str, Any]) -> nn.Module:
        """Return the job's trained network."""
        around = Surroundings(
            compute=self.compute, folder=self.folder, sizes=sizes, report=partial(add_figures, self.folder),
            progress=self.start_stage(job.name),
        )  # fmt: skip
        with memory_for(job.name):
            return fit(job, plan, around)


def run_svam_recipe(recipe: SvamRecipe, folder: Path, start_stage: StartStage) -> Path:
    """Run what is missing of a recipe in `folder`, and return the last thing it makes.

    `start_stage(title)` is called once a stage that is not finished, and returns what reports its progress.
    """
    run = Run(recipe=recipe, folder=folder, compute=choose_compute(recipe.threads), start_stage=start_stage)
    for part in (folder / "episodes", run.pictures, folder / RECORDS_FOLDER):
        part.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.video.seed)
    policy = SvamPolicy(recipe.config())
    shards = _record(run)
    index = read_index(shards, recipe.held_out_every)
    video = policy.video
    assert isinstance(video, FlowVideoModel)
    _train_autoencoder(run, video.autoencoder, shards, index)
    latents = _encode(run, video.autoencoder, shards, index)
    clips = LatentClips(latents.to(run.compute.device), index, recipe.sizes.n_frames, recipe.stride)
    _train_video(run, policy, clips)
    with memory_for("self-distillation set"):
        generate_records(
            policy,
            clips,
            recipe.self_distillation,
            folder / RECORDS_FOLDER,
            run.compute,
            start_stage("self-distillation set"),
        )
    return folder / RECORDS_FOLDER


def _record(run: Run) -> list[Path]:
    plan = plan_shards(run.recipe.demonstrations, run.folder / "episodes", recovery=False)
    if not all(shard.path.exists() for shard in plan):
        record(run.recipe.demonstrations, plan, None, run.start_stage("demonstrations"))
    shards = [shard.path for shard in plan if shard.path.exists()]
    if not shards:
        raise ForerunError(
            f"{run.folder / 'episodes'}: no episode succeeded; expected time_limit_s long enough for the tasks"
        )
    return shards


def _train_autoencoder(run: Run, autoencoder: PictureAutoencoder, shards: list[Path], index: ClipIndex) -> None:
    path, recipe = run.folder / AUTOENCODER_FILE, run.recipe
    sizes = _sizes(recipe, ("latent_channels", "autoencoder_channels"))
    if not path.exists():
        pictures = read_pictures(shards, len(index))
        job = AutoencoderJob(
            autoencoder, pictures, index, recipe.autoencoder.batch_size, recipe.brightness_ratio, run.pictures
        )
        trained = run.fit(job, recipe.autoencoder, sizes)
        assert isinstance(trained, PictureAutoencoder)
        trained.fit_latents(job.some(_MEASURED, run.compute.device))
        _finish(path, sizes, trained)
    _load(path, sizes, autoencoder)


def _encode(run: Run, autoencoder: PictureAutoencoder, shards: list[Path], index: ClipIndex) -> torch.Tensor:
    path = run.folder / LATENTS_FILE
    if not path.exists():
        pictures = read_pictures(shards, len(index))
        write_latents(autoencoder, pictures, _gains(run.recipe, index), path, run.compute, run.start_stage("latents"))
    return torch.from_numpy(np.load(path, mmap_mode="c"))  # copy-on-write: torch knows no arrays that only read


def _train_video(run: Run, policy: SvamPolicy, clips: LatentClips) -> None:
    path, recipe = run.folder / VIDEO_FILE, run.recipe
    sizes = _sizes(recipe, tuple(asdict(recipe.sizes)))
    if not path.exists():
        job = VideoJob(policy, clips, recipe.video.batch_size, run.pictures)
        _finish(path, sizes, run.fit(job, recipe.video, sizes))
    _load(path, sizes, policy.video)


def _gains(recipe: SvamRecipe, index: ClipIndex) -> NDArray[np.float32]:
    """Return a brightness for each picture (picture,), the same throughout an episode."""
    spread = recipe.brightness_ratio
    drawn = np.random.default_rng(recipe.video.seed).uniform(1.0 - spread, 1.0 + spread, len(index))
    return drawn[index.last].astype(np.float32)


def _sizes(recipe: SvamRecipe, keys: tuple[str, ...]) -> dict[str, Any]:
    """Return what a checkpoint must agree with, as plain values."""
    values: dict[str, Any] = {key: getattr(recipe.sizes, key) for key in keys}
    return values | {
        key: [*values[key]] for key in keys if key == "autoencoder_channels"
    }  # as it comes back from a file


def _finish(path: Path, sizes: dict[str, Any], network: nn.Module) -> None:
    write_torch(path, {"sizes": sizes, "weights": network.state_dict()})
    path.with_suffix(".state").unlink(missing_ok=True)


def _load(path: Path, sizes: dict[str, Any], network: nn.Module) -> None:
    saved = read_torch(path, torch.device("cpu"))
    check_sizes(path, saved, sizes)
    network.load_state_dict(saved["weights"])
    network.eval()
