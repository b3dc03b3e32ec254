"""The one-step study's grid: which arms it comes to, which of them are trained, and what is refused."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from distill.svam.arms.study import cells_of, load_study, recipe_of
from interfaces.errors import ConfigError
from models.flow import PURE_NOISE, VelocityFlow
from models.one_step import Imle, MeanFlow
from tests.distill.svam.arms.test_study import differences

RECIPES = Path(__file__).parents[4] / "distill/recipes"
STUDY = RECIPES / "so101_one_step.toml"
FLOWS = ("alpha-1", "alpha-3", "alpha-4", "alpha-8", "pure-noise", "mean-flow")


def test_every_head_comes_with_every_length_and_is_trained_once() -> None:
    study, recipe = load_study(STUDY)
    arms = study.every_arm
    trained = {arm.name for arm in arms if arm.of is None}
    assert trained == {f"h{horizon}-{head}" for horizon in (8, 16, 32) for head in (*FLOWS, "l1", "imle")}
    assert len(arms) == 3 * (3 * len(FLOWS) + 2)
    assert len(cells_of(study)) == 3 * len(arms)
    steps = {arm.name: recipe_of(study, recipe, arm, 0).expert.steps_of_decoding for arm in arms}
    assert {steps[name] for name in trained} == {1}
    assert [steps[f"h8-alpha-3{end}"] for end in ("", "-2-steps", "-10-steps")] == [1, 2, 10]
    assert study.against in steps


def test_a_head_is_what_its_name_says() -> None:
    study, recipe = load_study(STUDY)
    by_name = {arm.name: arm for arm in study.every_arm}

    def objective(name: str) -> object:
        return recipe_of(study, recipe, by_name[name], 0).config().action_objective()

    for alpha in (1.0, 3.0, 4.0, 8.0):
        flow = objective(f"h16-alpha-{alpha:g}-2-steps")
        assert isinstance(flow, VelocityFlow)
        assert (flow.times.shift_ratio, flow.times.pure_noise_ratio) == (alpha, 0.0)
    noise = objective("h32-pure-noise")
    assert isinstance(noise, VelocityFlow)
    assert noise.times.pure_noise_ratio == PURE_NOISE.pure_noise_ratio
    assert isinstance(objective("h8-mean-flow-10-steps"), MeanFlow)
    assert isinstance(objective("h8-imle"), Imle)


def test_arms_of_one_head_differ_in_steps_and_length_only() -> None:
    study, recipe = load_study(STUDY)
    whole = {arm.name: asdict(recipe_of(study, recipe, arm, 0)) for arm in study.every_arm}
    one = whole["h16-alpha-4"]
    assert differences(one, whole["h16-alpha-4-10-steps"]) == {"expert.steps_of_decoding": 10}
    assert differences(one, whole["h32-alpha-4"]) == {"horizon": 32}
    assert differences(one, whole["h16-l1"]) == {"expert.objective": "regression"}
    assert differences(one, whole["h16-alpha-8"]) == {"expert.time_shift_ratio": 8.0}


def test_the_smoke_study_has_the_same_heads() -> None:
    real, smoke = (load_study(RECIPES / f"so101_one_step{end}.toml")[0].grid for end in ("", "_smoke"))
    assert real is not None
    assert smoke is not None
    assert [(head.name, head.objective) for head in smoke.heads] == [(head.name, head.objective) for head in real.heads]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("steps = [1, 2]", "steps = [1, 1]", r"grid.heads\[0\].steps is .*; expected numbers above 0, each once"),
        ('name = "l1"', 'name = "alpha-1"', "grid.heads is .*; expected at least one, and each name once"),
        ('name = "l1"', 'name = "L1"', r"grid.heads\[\d\].name is 'L1'; expected small letters"),
        ("horizons = [16, 8]", "horizons = []", "grid.horizons is .*; expected numbers above 0"),
        (
            'several_ways = ["choose"]',
            'several_ways = ["chose"]',
            "grid.several_ways is 'chose'; expected some of reach",
        ),
        ('against = "', 'against = "h9-', "against is .*; expected the name of an arm"),
        ("noises = 4", "noises = 1", "draws.noises is 1; expected above 1"),
        ("first_seed = 60_000", "first_seed = 100_000", "draws.scenes is 2; expected scenes below 100000"),
    ],
)
def test_a_grid_that_cannot_be_is_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    text = (RECIPES / "so101_one_step_smoke.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "study.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    (tmp_path / "so101_svam_smoke.toml").write_bytes((RECIPES / "so101_svam_smoke.toml").read_bytes())
    with pytest.raises(ConfigError, match=told):
        load_study(tmp_path / "study.toml")
