"""The stages of an S-VAM, each kept in the run's folder, so that the same command goes on where it stopped.

    demonstrations -> autoencoder -> latents -> video model -> self-distillation set
        -> teachers -> students -> foresights -> action expert

A finished stage is a file that is there: episodes/*.npz, autoencoder.pt, latents.npy, video.pt, foreseen/*.npz, students.pt,
foresights/*.npy, policy.pt. To run one again, delete its file and those of the stages after it. A running stage has a state, at most
`checkpoint_every_s` old.
made-from.json says what each was made from: where that has changed, the run stops and says what to delete.
figures.jsonl and pictures/ are for people.

Several processes (distill/processes.py) train the networks together; the rest is the first one's work, and the others wait for it.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from distill.compute import choose_compute
from distill.demonstrations import plan_shards, record
from distill.recipe import DemonstrationRecipe
from distill.run_folder import finish, load
from distill.svam.autoencoder_stage import AutoencoderJob, episode_gains, write_latents
from distill.svam.clips import LATENTS_FILE, ClipIndex, LatentClips, open_latents, read_index, read_pictures
from distill.svam.learning_from_video import learn_from_video
from distill.svam.learning_to_act import learn_to_act
from distill.svam.recipe import SvamRecipe
from distill.svam.run import AUTOENCODER_FILE, EPISODES, RECORDS, VIDEO_FILE, Run
from distill.svam.self_distillation import generate_records, record_files
from distill.svam.video_stage import VideoJob
from interfaces.errors import ForerunError
from interfaces.progress import StartStage, silent
from models.svam.flow_video_model import FlowVideoModel
from models.svam.picture_autoencoder import PictureAutoencoder
from models.svam.policy import SvamPolicy

_MEASURED = 2048  # pictures behind the latents' mean and spread


def run_svam_recipe(recipe: SvamRecipe, recipe_folder: Path, folder: Path, start_stage: StartStage) -> Path:
    """Run what is missing of a recipe in `folder`, and return the policy's checkpoint.

    Relative paths in the recipe begin at `recipe_folder`.
    `start_stage(title)` is called once a stage that is not finished, and returns what reports its progress.
    """
    compute = choose_compute(recipe.threads)
    run = Run(
        recipe=recipe, recipe_folder=recipe_folder, folder=folder, compute=compute,
        start_stage=start_stage if compute.processes.rank == 0 else lambda _title: silent,
    )  # fmt: skip
    for part in (folder / "episodes", run.pictures, run.records, run.foresights):
        part.mkdir(parents=True, exist_ok=True)
    with run.memory(recipe.name):
        made = _run_stages(run)
    compute.processes.leave()
    return made


def _run_stages(run: Run) -> Path:
    recipe = run.recipe
    torch.manual_seed(recipe.video.seed)
    policy = SvamPolicy(recipe.config())
    with run.first_alone("demonstrations"):
        shards = _record(run)
    index = read_index(shards, recipe.held_out_every)
    if index.held_out.all():
        raise ForerunError(
            f"{run.folder / 'episodes'}: all episodes are held out; expected two or more of a task to learn from some"
        )
    video = policy.video
    assert isinstance(video, FlowVideoModel)
    run.compute.laid_out(video.autoencoder)
    _train_autoencoder(run, video.autoencoder, shards, index)
    latents = _encode(run, video.autoencoder, shards, index)
    clips = LatentClips(latents.to(run.compute.device), index, recipe.sizes.n_frames, recipe.stride)
    _train_video(run, policy, clips)
    run.made_from((RECORDS,), VIDEO_FILE, LATENTS_FILE, self_distillation=asdict(recipe.self_distillation))
    with run.first_alone("self-distillation set"), run.memory("self-distillation set"):
        if not all(path.exists() for path in record_files(recipe.self_distillation, run.records)):
            progress = run.start_stage("self-distillation set")
            generate_records(policy, clips, recipe.self_distillation, run.records, run.compute, progress)
    learn_from_video(run, policy, shards, index)
    return learn_to_act(run, policy, shards, index)


def _record(run: Run) -> list[Path]:
    plan = plan_shards(run.recipe.demonstrations, run.folder / "episodes")
    run.made_from((EPISODES,), demonstrations=_meaning(run.recipe.demonstrations))
    if run.first and not all(shard.path.exists() for shard in plan):  # one of which nothing succeeded never exists
        record(run.recipe.demonstrations, plan, None, run.start_stage("demonstrations"))
    shards = [shard.path for shard in plan if shard.path.exists()]
    if not shards:
        raise ForerunError(
            f"{run.folder / 'episodes'}: no episode succeeded; expected time_limit_s long enough for the tasks"
        )
    return shards


def _train_autoencoder(run: Run, autoencoder: PictureAutoencoder, shards: list[Path], index: ClipIndex) -> None:
    path, recipe = run.folder / AUTOENCODER_FILE, run.recipe
    sizes = sizes_of(recipe, ("latent_channels", "autoencoder_channels"))
    run.made_from((AUTOENCODER_FILE, "autoencoder.state"), EPISODES)
    if not path.exists():
        pictures = read_pictures(shards, len(index))
        job = AutoencoderJob(
            autoencoder, pictures, index, recipe.autoencoder.batch_size, recipe.brightness_ratio, run.pictures
        )
        trained = run.fit(job, recipe.autoencoder, sizes)
        assert isinstance(trained, PictureAutoencoder)
        trained.fit_latents(job.some(_MEASURED, run.compute.device))
        finish(run, path, sizes, trained)
    load(path, sizes, autoencoder)


def _encode(run: Run, autoencoder: PictureAutoencoder, shards: list[Path], index: ClipIndex) -> torch.Tensor:
    path = run.folder / LATENTS_FILE
    run.made_from((LATENTS_FILE,), AUTOENCODER_FILE, EPISODES)
    with run.first_alone("latents"):
        if not path.exists():
            recipe, pictures = run.recipe, read_pictures(shards, len(index))
            gains = episode_gains(index, recipe.brightness_ratio, recipe.video.seed)
            write_latents(autoencoder, pictures, gains, path, run.compute, run.start_stage("latents"))
    return open_latents(path, index)


def _train_video(run: Run, policy: SvamPolicy, clips: LatentClips) -> None:
    path, recipe = run.folder / VIDEO_FILE, run.recipe
    sizes = sizes_of(recipe, tuple(asdict(recipe.sizes)))
    run.made_from((VIDEO_FILE, "video.state"), LATENTS_FILE)
    if not path.exists():
        job = VideoJob(policy, clips, recipe.video.batch_size, run.pictures)
        finish(run, path, sizes, run.fit(job, recipe.video, sizes))
    load(path, sizes, policy.video)


def _meaning(demonstrations: DemonstrationRecipe) -> dict[str, Any]:
    """Return what of the recipe another recording would differ by: not how many episodes, nor by how many workers."""
    told = {key: value for key, value in asdict(demonstrations).items() if key not in {"tasks", "workers"}}
    return {**told, "tasks": demonstrations.instructions}


def sizes_of(recipe: SvamRecipe, keys: tuple[str, ...]) -> dict[str, Any]:
    """Return what a checkpoint must agree with, as plain values."""
    values: dict[str, Any] = {key: getattr(recipe.sizes, key) for key in keys}
    return values | {
        key: [*values[key]] for key in keys if key == "autoencoder_channels"
    }  # as it comes back from a file
