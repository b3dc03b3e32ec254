"""A whole family recipe on a finished run, with a family that nothing but a test knows: what is learnt, kept, and not touched."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from distill.family.recipe import ActionsRecipe, FamilyPlan, FamilyRecipe
from distill.family.stages import run_family_recipe
from distill.svam.arms.finished_run import FinishedRun
from interfaces.errors import ConfigError
from models.families import load_policy
from tests.distill.family.toy_family import ToyPolicy
from tests.distill.svam.arms.random_run import N_EPISODES, random_run
from tests.distill.told_stages import Stages


@pytest.fixture
def finished(tmp_path: Path) -> FinishedRun:
    return random_run(tmp_path)


def plan_of(finished: FinishedRun, *, recovers: bool = False) -> FamilyPlan:
    trained, fit = finished.recipe, replace(finished.recipe.expert.fit, steps=3, batch_size=4, learning_rate_ratio=0.05)
    tasks = tuple(
        replace(task, recovery_episodes=(N_EPISODES * (number == 0),) * recovers)
        for number, task in enumerate(trained.demonstrations.tasks)
    )
    trained = replace(
        trained, demonstrations=replace(trained.demonstrations, tasks=tasks),
        expert=replace(trained.expert, recovery=(fit,) * recovers),
    )  # fmt: skip
    actions = ActionsRecipe(
        demonstrations=1, age_min_ms=20.0, age_typical_ms=100.0, age_max_ms=200.0, joint_noise_rad=0.01
    )
    recipe = FamilyRecipe(
        format=1, family="toy", name="toy", recipe="svam.toml", from_run=str(finished.folder),
        horizon=8, step_ms=50.0, first_ms=50.0, threads=1, actions=actions, fit=fit, recovery=(fit,) * recovers,
    )  # fmt: skip
    return FamilyPlan(recipe=recipe, network={"n_history": 2, "n_frames": 3}, trained=trained)


def out_with_samples(finished: FinishedRun, tmp_path: Path) -> Path:
    """Return a folder in which the last stage, which needs a simulator, is done."""
    out = tmp_path / "out"
    out.mkdir()
    shutil.copy(finished.folder / "samples.npz", out)
    return out


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_run_leaves_a_policy_and_the_run_it_stands_on_as_it_was(finished: FinishedRun, tmp_path: Path) -> None:
    before, out, stages = contents(finished.folder), out_with_samples(finished, tmp_path), Stages()
    made = run_family_recipe(plan_of(finished), tmp_path, out, stages)
    assert contents(finished.folder) == before
    assert stages.done == {"policy": 3}
    assert {path.name for path in out.iterdir()} == {
        "episodes", "latents.npy", "video.pt", "figures.jsonl", "made-from.json", "policy.pt", "samples.npz",
    }  # fmt: skip
    policy = load_policy(made)
    assert isinstance(policy, ToyPolicy)
    assert float(policy.adopted) != 0.0
    assert float(policy.chunk_std.min()) != 1.0
    assert (policy.config.n_history, policy.config.horizon, policy.config.foresight_age_max_ms) == (2, 8, 200.0)
    again = Stages()
    run_family_recipe(plan_of(finished), tmp_path, out, again)
    assert again.done == {}


def test_recovery_is_learnt_from_too(finished: FinishedRun, tmp_path: Path) -> None:
    out, stages = out_with_samples(finished, tmp_path), Stages()
    task = finished.recipe.demonstrations.tasks[0].name
    (out / "episodes").mkdir()
    recovered = out / f"episodes/recovery-{task}-00000.npz"
    shutil.copy(finished.folder / f"episodes/expert-{task}-00000.npz", recovered)
    run_family_recipe(plan_of(finished, recovers=True), tmp_path, out, stages)
    n_pictures = len(np.load(recovered)["pictures"])
    assert stages.done == {"policy": 3, "latents of the recovery": n_pictures, "recovery": 3}
    assert np.load(out / "recovery-latents.npy").shape[0] == n_pictures
    first, last = load_policy(out / "first.pt"), load_policy(out / "policy.pt")
    torch.testing.assert_close(last.chunk_mean, first.chunk_mean, atol=0, rtol=0)
    assert any(not torch.equal(a, b) for a, b in zip(first.parameters(), last.parameters(), strict=True))


def test_another_network_in_the_same_folder_is_refused(finished: FinishedRun, tmp_path: Path) -> None:
    out, plan = out_with_samples(finished, tmp_path), plan_of(finished)
    run_family_recipe(plan, tmp_path, out, Stages())
    with pytest.raises(ConfigError, match=r"policy\.pt.*\[network\]: n_history = 2, now 1.*delete policy\.pt"):
        run_family_recipe(replace(plan, network=plan.network | {"n_history": 1}), tmp_path, out, Stages())


def test_a_run_without_a_video_model_is_refused(finished: FinishedRun, tmp_path: Path) -> None:
    (finished.folder / "video.pt").unlink()
    with pytest.raises(ConfigError, match=r"video\.pt.*a finished run of `forerun distill` by"):
        run_family_recipe(plan_of(finished), tmp_path, tmp_path / "out", Stages())
