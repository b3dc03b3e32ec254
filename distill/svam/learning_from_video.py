"""The stages after the video model: teachers look at what it generates, and students learn to foresee what they see.

self-distillation set -> depth teacher -> basis of the semantic one -> targets -> students
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from distill.checkpoint import check_sizes
from distill.lineage import fingerprint
from distill.run_folder import finish, load
from distill.svam.autoencoder_stage import as_input
from distill.svam.clips import LATENTS_FILE, ClipIndex, open_array, read_pictures, read_shard
from distill.svam.run import AUTOENCODER_FILE, EPISODES, RECORDS, STUDENTS_FILE, Run
from distill.svam.self_distillation import record_files
from distill.svam.student_stage import Records, Students, StudentsJob
from distill.svam.targets import Futures, targets_file, targets_pattern, write_targets
from distill.svam.teacher_stage import DepthJob, SemanticBasis, Teachers, fit_basis
from models.svam.depth_teacher import DepthTeacher
from models.svam.mobile_sam import MobileSamEncoder, load_mobile_sam
from models.svam.policy import SvamPolicy
from models.torch_file import read_torch, write_torch

DEPTH_FILE, BASIS_FILE = "depth-teacher.pt", "semantic-basis.pt"
_MEASURED = 2048  # pictures behind the mean and spread of geometric features


def learn_from_video(run: Run, policy: SvamPolicy, shards: list[Path], index: ClipIndex) -> None:
    """Run what is missing of these stages, and give the policy its students: none for an expert that sees features only."""
    if run.recipe.expert.sees == "features":
        return
    path, sizes, kind = run.folder / STUDENTS_FILE, _student_sizes(run), run.recipe.students.targets
    students = Students(policy)
    files = [(file, targets_file(file, kind)) for file in record_files(run.recipe.self_distillation, run.records)]
    targets = f"foreseen/{targets_pattern(kind)}"
    if path.exists():
        run.made_from((STUDENTS_FILE,), RECORDS, targets)
    else:
        pictures = read_pictures(shards, len(index))
        if not all(target.exists() for _, target in files):
            futures = _futures(run, policy, pictures, index)
            teachers = _teachers(run, policy, shards, pictures, index)
            run.made_from((targets,), RECORDS, DEPTH_FILE, BASIS_FILE, AUTOENCODER_FILE)
            with run.first_alone("targets"), run.memory("targets"):
                write_targets(teachers, futures, kind, files, run.start_stage("targets"))
        run.made_from((STUDENTS_FILE, "students.state"), RECORDS, targets)
        job = StudentsJob(students, Records(files, pictures, index), run.recipe.students.fit.batch_size)
        finish(run, path, sizes, run.fit(job, run.recipe.students.fit, sizes))
    load(path, sizes, students)


def _futures(run: Run, policy: SvamPolicy, pictures: np.ndarray[Any, np.dtype[np.uint8]], index: ClipIndex) -> Futures:
    latents = open_array(run.folder / LATENTS_FILE)
    return Futures(
        recipe=run.recipe, policy=policy, pictures=pictures, latents=latents, index=index, compute=run.compute
    )


def _teachers(
    run: Run, policy: SvamPolicy, shards: list[Path], pictures: np.ndarray[Any, np.dtype[np.uint8]], index: ClipIndex
) -> Teachers:
    recipe, grid = run.recipe.teachers, policy.config.grid
    sam = load_mobile_sam(run.beside_recipe(recipe.mobile_sam)).to(run.compute.device)
    depth, path, sizes = DepthTeacher(recipe.geometric_dim), run.folder / DEPTH_FILE, {"dim": recipe.geometric_dim}
    run.compute.laid_out(depth)
    run.made_from((DEPTH_FILE, "depth-teacher.state"), EPISODES)
    learnt = np.flatnonzero(~index.held_out)
    if not path.exists():
        depth_mm = np.concatenate([read_shard(shard, "depth_mm") for shard in shards])
        job = DepthJob(depth, pictures, depth_mm, index, recipe.depth.batch_size)
        trained = run.fit(job, recipe.depth, sizes)
        assert isinstance(trained, DepthTeacher)
        trained.fit_features(_some(run, pictures, learnt, _MEASURED))
        finish(run, path, sizes, trained)
    load(path, sizes, depth)
    basis = _basis(run, sam, _some(run, pictures, learnt, recipe.basis_pictures), grid)
    return Teachers(depth=depth.to(run.compute.device), sam=sam, basis=basis, grid=grid, sam_px=recipe.mobile_sam_px)


def _basis(run: Run, sam: MobileSamEncoder, pictures: torch.Tensor, grid: int) -> SemanticBasis:
    recipe, path = run.recipe.teachers, run.folder / BASIS_FILE
    sizes = {"semantic_dim": recipe.semantic_dim, "mobile_sam_px": recipe.mobile_sam_px}
    weights = run.beside_recipe(recipe.mobile_sam)
    run.made_from((BASIS_FILE,), EPISODES, teachers={"mobile_sam": fingerprint(weights)})
    with run.first_alone("semantic basis"), run.compute.autocast():
        if not path.exists():
            found = fit_basis(sam, pictures, grid, recipe.mobile_sam_px, recipe.semantic_dim)
            write_torch(path, {"sizes": sizes, **asdict(found)})
    saved = read_torch(path, run.compute.device)
    check_sizes(path, saved, sizes)
    return SemanticBasis(mean=saved["mean"], directions=saved["directions"], scale_ratio=saved["scale_ratio"])


def _some(
    run: Run, pictures: np.ndarray[Any, np.dtype[np.uint8]], learnt: np.ndarray[Any, Any], n: int
) -> torch.Tensor:
    at = learnt[np.linspace(0, len(learnt) - 1, min(n, len(learnt))).astype(np.int64)]
    return as_input(torch.from_numpy(pictures[at]), run.compute.device)


def _student_sizes(run: Run) -> dict[str, Any]:
    recipe = run.recipe
    told = {} if recipe.students.targets == "generated" else {"targets": recipe.students.targets}
    return told | {
        "decoupler_dim": recipe.students.decoupler_dim,
        "semantic_dim": recipe.teachers.semantic_dim, "geometric_dim": recipe.teachers.geometric_dim,
        "transformer_dim": recipe.sizes.transformer_dim, "transformer_leave_dim": recipe.sizes.transformer_leave_dim,
    }  # fmt: skip
