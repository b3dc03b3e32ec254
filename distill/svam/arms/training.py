"""Trains one arm with one seed: only what differs from the finished run, and only what is not there yet.

    OUT/students/<targets>/           a run whose students foresee another future; one for all arms and seeds that need it
    OUT/foresights/<targets>-<sees>/  what experts are shown of the demonstrated pictures; one for all heads and seeds
    OUT/samples/horizon-<n>.npz       the run's samples with noise for longer or shorter chunks
    OUT/cells/<arm>/seed-<n>/         a run with an action expert of its own; `forerun export` takes it like any other

With one training seed, all experts draw the same samples in the same order, and those that see the same begin at the same weights.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from distill.stages import POLICY_FILE, SAMPLES_FILE
from distill.svam.arms.arm import ArmRecipe
from distill.svam.arms.finished_run import TAUGHT, FinishedRun, link
from distill.svam.arms.study import StudyRecipe, recipe_of
from distill.svam.learning_from_video import STUDENTS_FILE, learn_from_video
from distill.svam.learning_to_act import learn_to_act
from distill.svam.recipe import SvamRecipe
from distill.svam.run import Run
from interfaces.durable import write_whole
from interfaces.errors import ConfigError
from interfaces.graph_contract import NOISE
from interfaces.progress import StartStage
from interfaces.sample_file import read_samples, write_samples
from models.svam.policy import SvamPolicy, load_policy, save_policy

MADE_BY_FILE = "made-by.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Where a study is made, and of what."""

    study: StudyRecipe
    finished: FinishedRun
    out: Path

    def cell(self, arm: ArmRecipe, seed: int) -> Path:
        """Return the folder of an arm with a training seed."""
        return self.out / "cells" / arm.name / f"seed-{seed}"


def train_cell(shop: Workshop, arm: ArmRecipe, seed: int, start_stage: StartStage) -> Path:
    """Make what is missing of an arm with a seed, and return its folder, in which are policy.pt and samples.npz.

    Raises ConfigError where the folder was made by another study or recipe, and as the stages do.
    """
    folder, trained = shop.cell(arm, seed), shop.study.trained(arm)
    recipe = recipe_of(shop.study, shop.finished.recipe, arm, seed)
    folder.mkdir(parents=True, exist_ok=True)
    _require_same(folder / MADE_BY_FILE, {"run": str(shop.finished.folder.resolve()), "recipe": asdict(recipe)})
    link(folder / SAMPLES_FILE, _samples(shop, recipe))
    if (folder / POLICY_FILE).exists():
        return folder
    if trained != arm:
        policy = load_policy(train_cell(shop, trained, seed, start_stage) / POLICY_FILE)
        policy.config = recipe.config()
        save_policy(policy, folder / POLICY_FILE)
        return folder
    foresights = shop.out / "foresights" / f"{recipe.students.targets}-{recipe.expert.sees}"
    foresights.mkdir(parents=True, exist_ok=True)
    link(folder / "foresights", foresights)
    torch.manual_seed(seed)
    policy = SvamPolicy(recipe.config())
    shop.finished.give_video(policy)
    _give_students(shop, policy, recipe, start_stage)
    run = _run(shop, folder, recipe, start_stage)
    learn_to_act(run, policy, shop.finished.shards, shop.finished.index)
    return folder


def _samples(shop: Workshop, recipe: SvamRecipe) -> Path:
    """Return real inputs of both graphs for chunks of the recipe's length."""
    own, horizon = shop.finished.folder / SAMPLES_FILE, recipe.horizon
    path = shop.out / "samples" / f"horizon-{horizon}.npz"
    if horizon == shop.finished.recipe.horizon:
        return own
    if not path.exists():
        samples = read_samples(own)
        n_samples, _, n_joints = samples[NOISE].shape
        noise = np.random.default_rng(horizon).standard_normal((n_samples, horizon, n_joints), np.float32)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_samples(path, samples | {NOISE: noise})
    return path


def _give_students(shop: Workshop, policy: SvamPolicy, recipe: SvamRecipe, start_stage: StartStage) -> None:
    finished, folder = shop.finished, shop.out / "students" / recipe.students.targets
    for name in TAUGHT:
        link(folder / name, finished.folder / name)
    for path in finished.records:
        link(folder / "foreseen" / path.name, path)
    if recipe.students.targets == "generated":
        link(folder / STUDENTS_FILE, finished.folder / STUDENTS_FILE)
    learn_from_video(_run(shop, folder, recipe, start_stage), policy, finished.shards, finished.index)


def _run(shop: Workshop, folder: Path, recipe: SvamRecipe, start_stage: StartStage) -> Run:
    finished = shop.finished
    return Run(
        recipe=recipe, recipe_folder=finished.recipe_folder, folder=folder, compute=finished.compute, start_stage=start_stage
    )  # fmt: skip


def _require_same(path: Path, made_by: dict[str, Any]) -> None:
    """Write what a folder is made by, or compare it with what it was made by before."""
    told = json.loads(json.dumps(made_by))
    if not path.exists():
        write_whole(path, json.dumps(told, indent=1).encode())
        return
    saved = json.loads(path.read_text(encoding="utf-8"))
    for key, value, expected in _differences(saved, told):
        raise ConfigError(
            str(path), key, value, f"{expected!r}, as in the study; delete {path.parent}, or take another --out"
        )


def _differences(saved: dict[str, Any], told: dict[str, Any], prefix: str = "") -> list[tuple[str, Any, Any]]:
    """Return what is another value in both; a key that only one knows is of another version of forerun."""
    found: list[tuple[str, Any, Any]] = []
    for key in saved.keys() & told.keys():
        if isinstance(told[key], dict) and isinstance(saved[key], dict):
            found += _differences(saved[key], told[key], f"{prefix}{key}.")
        elif saved[key] != told[key]:
            found.append((prefix + key, saved[key], told[key]))
    return sorted(found, key=lambda difference: difference[0])
