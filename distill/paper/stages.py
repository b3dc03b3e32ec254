"""The stages of an S-VAM at the published size, on a user's own episodes, each kept in the run's folder.

    episodes -> generated videos -> decouplers -> condenser, context encoder and action network -> policy.pt

The video model is served: a folder in diffusers' format, as VPP's fine-tuned Stable Video Diffusion comes, or one that VPP's released
`step1_train_svd.py` made of a user's own videos. All that others serve is loaded first, so that what is missing is said before
anything is computed. Several processes share the generating of videos and train the networks together.

What is shown of this in forerun's tests: every stage at tiny sizes, with an untrained video model; the teachers against their own
libraries; shapes and parameter counts at full size. What is not: a run at full size, for which neither weights nor GPUs were at hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from distill.checkpoint import write_arrays
from distill.compute import Compute, choose_compute, memory_for
from distill.fitting import FitRecipe, Job, Surroundings, fit
from distill.lineage import check_lineage
from distill.paper.episodes import (
    Episodes,
    Source,
    find_episodes,
    frame_size,
    instructions_of,
    load_episodes,
    read_episodes,
)
from distill.paper.jobs import ActingJob, DecouplersJob, Frozen
from distill.paper.recipe import PaperRecipe
from distill.paper.samples import write_real_samples
from distill.paper.teachers import ManyViews, PaperTeachers, load_depth_anything, load_dinov2
from distill.paper.text import text_tables
from distill.stages import POLICY_FILE, SAMPLES_FILE
from distill.svam.autoencoder_stage import as_input
from distill.svam.figures import add_figures
from interfaces.errors import ConfigError, ForerunError
from interfaces.progress import StartStage, silent
from models.svam.checkpoint import load_video_model
from models.svam.config import SvamConfig
from models.svam.policy import SvamPolicy, save_policy
from models.svam.video_model import VideoModel
from models.torch_file import read_torch, write_torch

EPISODES, RECORDS, STUDENTS_FILE = "episodes/*.npz", "foreseen/records-*.npz", "students.pt"
_TO_DOWNLOAD = (
    "a folder in diffusers' format: `hf download yjguo/svd-robot-calvin-ft --local-dir FOLDER` (8 GB), or your own fine-tuning"
    " of Stable Video Diffusion"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """How what others trained is had; tests put small networks in their places."""

    config: Callable[..., SvamConfig] = SvamConfig.paper
    video: Callable[[Path, SvamConfig], VideoModel] = load_video_model
    text: Callable[[str, tuple[str, ...], int], tuple[Tensor, Tensor]] = text_tables
    semantic: Callable[..., nn.Module] = load_dinov2
    geometric: Callable[..., tuple[nn.Module, nn.Module]] = load_depth_anything


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperRun:
    """A recipe in a folder, on a machine."""

    recipe: PaperRecipe
    folder: Path
    compute: Compute
    start_stage: StartStage

    @property
    def first(self) -> bool:
        """Return whether this is the process that writes what all share."""
        return self.compute.processes.rank == 0

    def made_from(self, made: tuple[str, ...], *sources: str, **told: dict[str, object]) -> None:
        """Note what an artefact is made from, or raise ConfigError where it was made from something else."""
        if self.first:
            check_lineage(self.folder, made, sources, told)

    def fit(self, job: Job, plan: FitRecipe) -> nn.Module:
        """Return the job's trained network."""
        around = Surroundings(
            compute=self.compute, folder=self.folder, sizes={"horizon": self.recipe.horizon},
            report=partial(add_figures, self.folder), progress=self.start_stage(job.name),
        )  # fmt: skip
        with memory_for(job.name):
            return fit(job, plan, around)


def run_paper_recipe(
    recipe: PaperRecipe, recipe_folder: Path, folder: Path, start_stage: StartStage, served: Served | None = None
) -> Path:
    """Run what is missing of a recipe in `folder`, and return the policy's checkpoint; arguments as of `run_svam_recipe`."""
    compute = choose_compute(recipe.threads)
    run = PaperRun(
        recipe=recipe, folder=folder, compute=compute,
        start_stage=start_stage if compute.processes.rank == 0 else lambda _title: silent,
    )  # fmt: skip
    for part in ("episodes", "foreseen"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    sources = find_episodes(recipe_folder / recipe.episodes.folder)
    with memory_for(recipe.name):
        policy, teachers = _load(run, recipe_folder, sources, served or Served())
        episodes = _read(run, sources, policy.config.video_px)
        frozen = Frozen(policy=policy, teachers=teachers, episodes=episodes)
        files = _generate(run, policy, episodes)
        _train_students(run, frozen, files)
        path = _train_expert(run, frozen)
    with compute.processes.first_alone("samples"):
        if run.first and not (folder / SAMPLES_FILE).exists():
            write_real_samples(policy.config, sources, folder / SAMPLES_FILE)
    compute.processes.leave()
    return path


def _load(
    run: PaperRun, recipe_folder: Path, sources: list[Source], served: Served
) -> tuple[SvamPolicy, PaperTeachers]:
    """Return the policy with all that is served, and the teachers. Raises ConfigError or ForerunError where a part is missing."""
    recipe, device = run.recipe, run.compute.device
    instructions, (width_px, height_px) = instructions_of(sources), frame_size(sources[0])
    config = served.config(
        joints=recipe.episodes.joints, instructions=instructions, width_px=width_px, height_px=height_px,
        crop_px=min(width_px, height_px), horizon=recipe.horizon, step_ms=recipe.step_ms, first_ms=recipe.first_ms,
        n_frames=recipe.n_frames, frame_step_ms=recipe.frame_step_ms, objective=recipe.expert.objective,
        n_steps=recipe.expert.steps_of_decoding, state_dropout_ratio=recipe.expert.state_dropout_ratio,
        foresight_age_max_ms=recipe.expert.age_max_ms,
    )  # fmt: skip
    video_folder = recipe_folder / recipe.served.video
    if served.video is load_video_model and not video_folder.is_dir():
        raise ConfigError(str(video_folder), "served.video", None, _TO_DOWNLOAD)
    video = served.video(video_folder, config)
    text_table, goal_table = served.text(recipe.served.text, instructions, config.n_text_tokens)
    torch.manual_seed(recipe.students.seed)
    policy = SvamPolicy(config, video)
    policy.text_table.copy_(text_table)
    policy.goal_table.copy_(goal_table)
    semantic = served.semantic(recipe.served.semantic, policy.semantic_anchor)
    views, policy.geometric_anchor = served.geometric(recipe.served.geometric, policy.geometric_anchor)
    policy.requires_grad_(requires_grad=False).eval().to(device)
    return policy, PaperTeachers(semantic.to(device), _as_views(views.to(device)))


def _as_views(network: nn.Module) -> ManyViews:
    return network  # pyright: ignore[reportReturnType] - a module's attributes are not known to it


def _read(run: PaperRun, sources: list[Source], video_px: int) -> Episodes:
    recipe, kept = run.recipe.episodes, run.folder / "episodes"
    run.made_from((EPISODES,), episodes={"rate_hz": recipe.picture_rate_hz, "joints": recipe.joints, "px": video_px})
    with run.compute.processes.first_alone("episodes"):
        read_episodes(sources, recipe, video_px, kept, run.start_stage("episodes"))
    return load_episodes(sources, recipe, kept)


@torch.no_grad()
def _generate(run: PaperRun, policy: SvamPolicy, episodes: Episodes) -> list[Path]:
    """Write the videos that the policy's own noise becomes, each process every so-many-th file; return the files."""
    recipe, processes = run.recipe.self_distillation, run.compute.processes
    with processes.first_alone("generated videos"):  # noted before any process writes the first of them
        run.made_from((RECORDS,), EPISODES, self_distillation=asdict(recipe), served={"video": run.recipe.served.video})
    files = [run.folder / f"foreseen/records-{k:05d}.npz" for k in range(-(-recipe.records // recipe.batch_size))]
    learnt, rng = np.flatnonzero(~episodes.held_out), np.random.default_rng(recipe.seed)
    if len(learnt) == 0:
        raise ForerunError(f"{run.folder / 'episodes'}: no episode to learn from; expected two or more")
    clips = np.concatenate([rng.permutation(learnt) for _ in range(-(-recipe.records // len(learnt)))])
    progress = run.start_stage("generated videos")
    for number, path in enumerate(files):
        if path.exists() or number % processes.count != processes.rank:
            continue
        at = clips[: recipe.records][number * recipe.batch_size :][: recipe.batch_size]
        now = as_input(torch.from_numpy(episodes.pictures[at]), run.compute.device)
        text = policy.text_table[torch.from_numpy(episodes.task[at]).to(run.compute.device)]
        noise = policy.initial_noise.expand(len(at), -1, -1, -1, -1)
        assert isinstance(policy.video, VideoModel)
        with run.compute.autocast():
            frame = policy.video.encode_frame(now)
            latents = policy.video.sample(noise, frame, text, recipe.steps, recipe.guidance_ratio)
            videos = policy.video.decode_video(latents).float().clamp(-1.0, 1.0)  # (B, T, 3, p, p)
        pictures = (127.5 * (videos + 1.0)).round().byte().permute(0, 1, 3, 4, 2).cpu().numpy()
        write_arrays(path, {"clip": at, "pictures": pictures})
        progress(number + 1, len(files), f"{recipe.batch_size} videos each, {recipe.steps} steps")
    with processes.first_alone("generated videos"):
        return files


def _train_students(run: PaperRun, frozen: Frozen, files: list[Path]) -> None:
    path = run.folder / STUDENTS_FILE
    run.made_from((STUDENTS_FILE, "students.state"), RECORDS, served=asdict(run.recipe.served))
    if not path.exists():
        job = DecouplersJob(frozen, files, run.recipe.students.batch_size)
        job.network.requires_grad_(requires_grad=True)
        trained = run.fit(job, run.recipe.students)
        with run.compute.processes.first_alone("students"):
            if run.first:
                write_torch(path, {"weights": trained.state_dict()})
                path.with_suffix(".state").unlink(missing_ok=True)
    weights = read_torch(path, run.compute.device)["weights"]
    for kind in ("semantic", "geometric"):
        decoupler = getattr(frozen.policy, f"{kind}_decoupler")
        decoupler.load_state_dict(
            {name.removeprefix(f"{kind}."): v for name, v in weights.items() if name.startswith(kind)}
        )
        decoupler.requires_grad_(requires_grad=False).eval()


def _train_expert(run: PaperRun, frozen: Frozen) -> Path:
    path, policy, recipe = run.folder / POLICY_FILE, frozen.policy, run.recipe
    told = {key: value for key, value in asdict(recipe.expert).items() if key != "fit"}
    told |= {"horizon": recipe.horizon, "step_ms": recipe.step_ms, "first_ms": recipe.first_ms}
    run.made_from((POLICY_FILE, "expert.state"), EPISODES, STUDENTS_FILE, expert=told)
    if path.exists():
        return path
    episodes = frozen.episodes
    for kind, held_out in (("to learn actions from", False), ("held out", True)):
        if not ((episodes.step >= 0) & (episodes.held_out == held_out)).any():
            raise ForerunError(
                f"{run.folder / 'episodes'}: no episode with motion.npz {kind}; add some, or change held_out_every"
            )
    job = ActingJob(frozen, recipe)
    job.network.requires_grad_(requires_grad=True)
    trained = run.fit(job, recipe.expert.fit)
    with run.compute.processes.first_alone(POLICY_FILE):
        if run.first:
            for name in ("condenser", "encoder", "action"):
                getattr(policy, name).load_state_dict(getattr(trained, name).state_dict())
            save_policy(policy.cpu().eval(), path)
            (run.folder / "expert.state").unlink(missing_ok=True)
    return path
