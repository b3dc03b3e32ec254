"""An arm of the comparison as a whole recipe: `forerun distill` itself makes the students and the expert that it asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from distill.svam.recipe import SvamRecipe
from distill.svam.stages import run_svam_recipe
from models.svam.policy import SvamPolicy, load_policy
from models.torch_file import write_torch
from tests.distill.svam.arms.random_run import random_run, tiny_study


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that is finished up to the teachers."""
    folder = random_run(tmp_path).folder
    video = SvamPolicy(tiny_study()[1].config()).video
    sizes = {"latent_channels": 4, "autoencoder_channels": [32, 32, 32]}
    write_torch(folder / "autoencoder.pt", {"sizes": sizes, "weights": video.get_submodule("autoencoder").state_dict()})
    (folder / "students.pt").unlink()
    return folder


def distilled(recipe: SvamRecipe, run: Path) -> tuple[SvamPolicy, list[str]]:
    """Return the policy, and the stages that were run."""
    titles: list[str] = []

    def start_stage(title: str) -> Callable[[int, int, str], None]:
        titles.append(title)
        return lambda _done, _total, _text: None

    made = run_svam_recipe(recipe, run.parent / "recipes", run, start_stage)
    return load_policy(made), titles


def tiny_recipe() -> SvamRecipe:
    study, recipe = tiny_study()
    return replace(recipe, expert=replace(recipe.expert, demonstrations=1, fit=study.regime.fit))


def test_an_expert_that_sees_features_has_no_students(run: Path) -> None:
    recipe = tiny_recipe()
    recipe = replace(recipe, expert=replace(recipe.expert, sees="features", joints=False))
    policy, titles = distilled(recipe, run)
    assert (policy.config.sees, policy.config.sees_joints) == ("features", False)
    assert "students" not in titles
    assert not (run / "students.pt").exists()
    assert not list((run / "foreseen").glob("targets*"))


def test_students_of_another_future_say_so(run: Path) -> None:
    recipe = tiny_recipe()
    other = replace(recipe, students=replace(recipe.students, targets="independent"))
    distilled(other, run)
    names = sorted(path.name for path in (run / "foreseen").glob("targets*"))
    assert names == ["targets-independent-00000.npz", "targets-independent-00001.npz"]
    assert torch.load(run / "students.pt", weights_only=True)["sizes"]["targets"] == "independent"
