"""The estimate: what is missing, times what it costs; what is there costs nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from distill.compute import choose_compute
from distill.svam.arms.cost import Part, estimate, told
from distill.svam.arms.finished_run import FinishedRun
from distill.svam.arms.study import CostRecipe, StudyRecipe, cells_of, load_study
from distill.svam.arms.training import Workshop

STUDY = Path(__file__).parents[4] / "distill/recipes/so101_one_step.toml"
COST = CostRecipe(
    foresights_s=100.0, expert_step_s=0.5, mean_flow_ratio=2.0, imle_ratio=3.0, export_s=10.0, export_step_s=1.0,
    episode_s=4.0, draws_s=5.0,
)  # fmt: skip


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    study, recipe = load_study(STUDY)
    finished = FinishedRun(
        folder=tmp_path / "run", recipe=recipe, recipe_folder=STUDY.parent, compute=choose_compute(recipe.threads)
    )
    return Workshop(study=replace(study, cost=COST), finished=finished, out=tmp_path / "out")


def parts(shop: Workshop, *arms: str, tried: bool = False) -> dict[str, Part]:
    cells = cells_of(shop.study, [*arms], [0])
    return {part.what: part for part in estimate(shop, cells, lambda _arm, _seed: tried, workers=4)}


def test_arms_that_share_networks_are_trained_once(shop: Workshop) -> None:
    found = parts(shop, "h16-alpha-4*", "h16-mean-flow", "h16-imle")
    steps, n_tasks = shop.study.regime.fit.steps, len(shop.finished.recipe.demonstrations.tasks)
    assert (found["experts"].count, found["trials"].count) == (3, 5)
    assert found["experts"].core_s == steps * 0.5 * (1.0 + 2.0 + 3.0)
    assert found["experts"].wall_s == found["experts"].core_s / shop.finished.recipe.threads
    assert found["exports"].core_s == 5 * 10.0 + (1 + 9) * 1.0  # two and ten steps in the graph
    assert found["trials"].wall_s == 5 * shop.study.trials.seeds * n_tasks * 4.0 / 4
    assert (found["foresights"].core_s, found["draws"].core_s) == (100.0, 25.0)


def test_what_is_there_costs_nothing(shop: Workshop) -> None:
    (shop.out / "foresights").mkdir(parents=True)
    arm, _ = cells_of(shop.study, ["h16-alpha-4"], [0])[0]
    folder = shop.cell(arm, 0)
    folder.mkdir(parents=True)
    for name in ("policy.pt", "draws.json"):
        (folder / name).touch()
    found = parts(shop, "h16-alpha-4*", tried=True)
    assert {what: part.count for what, part in found.items()} == {
        "foresights": 0, "experts": 0, "exports": 0, "trials": 0, "draws": 2,
    }  # fmt: skip


def test_a_study_without_costs_says_nothing(shop: Workshop) -> None:
    silent: StudyRecipe = replace(shop.study, cost=None)
    assert estimate(replace(shop, study=silent), cells_of(silent), lambda _arm, _seed: False, 1) == []
    assert told([]) == []


def test_people_are_told_in_hours() -> None:
    lines = told([
        Part(what="experts", count=3, core_s=7200.0, cores=2), Part(what="trials", count=1, core_s=600.0, cores=1),
    ])  # fmt: skip
    assert [line.split()[:6] for line in lines] == [
        ["experts", "3", "1", "h", "00", "min"], ["trials", "1", "0", "h", "10", "min"],
        ["together", "1", "h", "10", "min,", "if"],
    ]  # fmt: skip
    assert len({line.index(" h ") for line in lines}) == 1  # one below the other
