"""A whole recipe, very small: demonstrations, training, recovery, training on, export, and a bundle that the runtime opens."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from distill.recipe import Recipe, load_recipe
from distill.stages import run_recipe
from export.bundle_writer import write_bundle
from export.policy_source import load_source
from export.provenance import provenance_of_this_tree
from interfaces.robot_config import load_robot
from runtime.policy.bundle import open_bundle
from tests.distill.told_stages import Stages

ROOT = Path(__file__).parents[2]


def smoke_recipe() -> Recipe:
    """The shipped recipe with hardly anything in it."""
    recipe = load_recipe(ROOT / "distill/recipes/so101_small.toml")
    tasks = tuple(replace(task, episodes=2, recovery_episodes=(1,)) for task in recipe.demonstrations.tasks)
    demonstrations = replace(recipe.demonstrations, tasks=tasks, workers=1, time_limit_s=4.0)
    return replace(
        recipe,
        demonstrations=demonstrations,
        training=replace(recipe.training, steps=4, recovery_steps=2, batch_size=8),
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Stages]:
    """A finished run."""
    folder, stages = tmp_path_factory.mktemp("run"), Stages()
    run_recipe(smoke_recipe(), folder, stages)
    return folder, stages


def test_every_stage_runs(run: tuple[Path, Stages]) -> None:
    assert list(run[1].done.values()) == [8, 4, 4, 2]


def test_a_finished_run_is_not_run_again(run: tuple[Path, Stages]) -> None:
    folder, _ = run
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    again = Stages()
    run_recipe(smoke_recipe(), folder, again)
    assert set(again.done.values()) == {0}
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == before


def test_the_targets_are_the_ways_the_expert_went(run: tuple[Path, Stages]) -> None:
    for path in (run[0] / "episodes").glob("expert-*.npz"):
        with np.load(path) as shard:
            off_rad = np.abs(shard["target_rad"] - shard["joints_rad"])
            assert shard["pictures"].shape[1:] == (120, 120, 3)
            assert (shard["picture_step"] <= shard["picture_last"]).all()
            # The arm follows its targets; noise pushes it off by a few hundredths.
            assert np.median(off_rad) < 0.05


def test_the_exported_bundle_opens_on_the_robot(run: tuple[Path, Stages], tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    write_bundle(load_source(str(run[0])), provenance_of_this_tree("test", "next to nothing"), bundle)
    opened = open_bundle(bundle, load_robot(ROOT / "robots/simulated.toml"))
    assert opened.manifest.instructions == ("reach", "push", "press", "lift")
    assert opened.manifest.provenance.trained_on == "next to nothing"
    assert opened.foresight_off < 1e-4
