"""A finished run that nobody trained: every file of one, with random networks and random pictures in it, made in a second."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from distill.compute import Compute
from distill.svam.arms.finished_run import FinishedRun
from distill.svam.arms.study import StudyRecipe, load_study
from distill.svam.recipe import SvamRecipe
from distill.svam.stages import sizes_of
from distill.svam.student_stage import Students
from interfaces.sample_file import write_samples
from models.svam.depth_teacher import DepthTeacher
from models.svam.mobile_sam import MobileSamEncoder
from models.svam.policy import SvamPolicy
from models.torch_file import write_torch

RECIPES = Path(__file__).parents[4] / "distill/recipes"
N_EPISODES, N_PICTURES, STEPS_A_PICTURE = 4, 6, 10  # an episode's pictures are 100 ms apart


def tiny_study() -> tuple[StudyRecipe, SvamRecipe]:
    """Return the smoke study and its recipe with even less in them: two tasks, two frames, two steps."""
    study, recipe = load_study(RECIPES / "so101_study_smoke.toml")
    tasks = tuple(replace(task, episodes=N_EPISODES, recovery_episodes=()) for task in recipe.demonstrations.tasks[:2])
    recipe = replace(
        recipe,
        held_out_every=2,
        sizes=replace(
            recipe.sizes, n_frames=2, frame_step_ms=100.0, autoencoder_channels=(32, 32, 32), transformer_dim=24,
            transformer_heads=2, transformer_blocks=3, transformer_leave_dim=8,
        ),
        demonstrations=replace(recipe.demonstrations, tasks=tasks),
        self_distillation=replace(recipe.self_distillation, records=3, batch_size=2, steps=2),
        teachers=replace(recipe.teachers, mobile_sam_px=32, semantic_dim=8, geometric_dim=8),
        students=replace(recipe.students, fit=replace(recipe.students.fit, steps=2, batch_size=2)),
        expert=replace(recipe.expert, recovery=()),
    )  # fmt: skip
    fit = replace(study.regime.fit, steps=2, batch_size=2)
    return replace(study, regime=replace(study.regime, demonstrations=1, fit=fit)), recipe


def random_run(folder: Path) -> FinishedRun:
    """Write a run by the tiny study's recipe, and return it; its MobileSAM lies beside it."""
    _, recipe = tiny_study()
    run, beside = folder / "run", folder / "recipes"
    for part in (run / "episodes", run / "foreseen", beside):
        part.mkdir(parents=True)
    draw = np.random.default_rng(0)
    for task, told in enumerate(recipe.demonstrations.tasks):
        np.savez(run / f"episodes/expert-{told.name}-00000.npz", **_shard(task, draw))
    n_pictures = 2 * N_EPISODES * N_PICTURES
    torch.manual_seed(0)
    policy = SvamPolicy(recipe.config())
    config, side = policy.config, policy.config.latent_px
    frame = (config.latent_channels, side, side)
    np.save(run / "latents.npy", draw.normal(size=(n_pictures, *frame)).astype(np.float16))
    _save(run / "video.pt", policy.video, sizes_of(recipe, tuple(asdict(recipe.sizes))))
    _save(run / "students.pt", Students(policy), {})
    _save(run / "depth-teacher.pt", DepthTeacher(8), {"dim": 8})
    basis = {"mean": torch.zeros(256), "directions": torch.eye(256)[:, :8].contiguous(), "scale_ratio": 1.0}
    write_torch(run / "semantic-basis.pt", {"sizes": {"semantic_dim": 8, "mobile_sam_px": 32}, **basis})
    for number, n_records in enumerate((2, 1)):
        np.savez(
            run / f"foreseen/records-{number:05d}.npz",
            clip=7 + 2 * N_PICTURES * np.arange(n_records), noise_seed=np.zeros(n_records, np.int64), task=np.zeros(n_records, np.int64),
            features=draw.normal(size=(n_records, 2, config.feature_dim, side, side)).astype(np.float16),
            latents=draw.normal(size=(n_records, 2, *frame)).astype(np.float16),
        )  # fmt: skip
    write_samples(run / "samples.npz", _samples(policy, draw))
    sam = {f"image_encoder.{name}": value for name, value in MobileSamEncoder().state_dict().items()}
    torch.save(sam | {"mask_decoder.iou_token.weight": torch.zeros(1, 256)}, beside / "mobile_sam.pt")
    return FinishedRun(
        folder=run, recipe=recipe, recipe_folder=beside, compute=Compute(torch.device("cpu"), bf16=False)
    )


def _shard(task: int, draw: np.random.Generator) -> dict[str, Any]:
    n_pictures, n_steps = N_EPISODES * N_PICTURES, N_EPISODES * N_PICTURES * STEPS_A_PICTURE
    last = np.repeat(np.arange(1, N_EPISODES + 1) * N_PICTURES * STEPS_A_PICTURE - 1, N_PICTURES)
    return {
        "pictures": draw.integers(0, 256, (n_pictures, 64, 64, 3), dtype=np.uint8),
        "picture_step": (np.arange(n_pictures) * STEPS_A_PICTURE).astype(np.int32),
        "picture_last": last.astype(np.int32),
        "picture_task": np.full(n_pictures, task, np.int8),
        "joints_rad": draw.normal(size=(n_steps, 6)).astype(np.float32),
        "target_rad": draw.normal(size=(n_steps, 6)).astype(np.float32),
    }


def _save(path: Path, network: torch.nn.Module, sizes: dict[str, Any]) -> None:
    students = {
        "decoupler_dim": 32, "semantic_dim": 8, "geometric_dim": 8, "transformer_dim": 24, "transformer_leave_dim": 8,
    }  # fmt: skip
    write_torch(path, {"sizes": sizes or students, "weights": network.state_dict()})


def _samples(policy: SvamPolicy, draw: np.random.Generator) -> dict[str, Any]:
    config = policy.config
    return {
        config.camera: draw.integers(0, 256, (2, config.height_px, config.width_px, 3), dtype=np.uint8),
        "instruction": np.eye(2, dtype=np.float32),
        "joints": draw.normal(size=(2, 6)).astype(np.float32),
        "foresight_age": np.full(2, 0.1, np.float32),
        "noise": draw.normal(size=(2, config.horizon, 6)).astype(np.float32),
    }
