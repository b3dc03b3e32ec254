"""The study's file: what its arms are as whole recipes, that each differs from S-VAM in one thing, and what is refused."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import pytest

from distill.svam.arms.study import cells_of, load_study, recipe_of
from interfaces.errors import ConfigError, RefusedError

RECIPES = Path(__file__).parents[4] / "distill/recipes"


def differences(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return what `other` says differently, by key."""
    found: dict[str, Any] = {}
    for key, value in one.items():
        if isinstance(value, dict):
            nested = differences(cast("dict[str, Any]", value), other[key])
            found |= {f"{key}.{name}": told for name, told in nested.items()}
        elif value != other[key]:
            found[key] = other[key]
    return found


def test_each_arm_differs_from_svam_in_one_thing() -> None:
    study, recipe = load_study(RECIPES / "so101_study.toml")
    svam = asdict(recipe_of(study, recipe, study.arms[0], 0))
    found = {arm.name: differences(svam, asdict(recipe_of(study, recipe, arm, 0))) for arm in study.arms}
    ten_steps = {"expert.steps_of_decoding": 10}
    assert found == {
        "svam": {},
        "raw": {"expert.sees": "features"},
        "recorded": {"students.targets": "recorded"},
        "independent": {"students.targets": "independent"},
        "frame": {"expert.sees": "frame"},
        "svam-zeroed": {},
        "svam-shuffled": {},
        "foresight-only": {"expert.joints": False},
        "foresight-only-zeroed": {"expert.joints": False},
        "foresight-only-shuffled": {"expert.joints": False},
        "svam-10-steps": ten_steps,
        "uniform": {"expert.time_shift_ratio": 1.0},
        "uniform-10-steps": {"expert.time_shift_ratio": 1.0} | ten_steps,
        "l1": {"expert.objective": "regression"},
        "edm-10-steps": {"expert.objective": "edm"} | ten_steps,
    }
    assert [arm.foresight for arm in study.arms if arm.name.endswith(("zeroed", "shuffled"))] == [
        "zeroed", "shuffled", "zeroed", "shuffled",
    ]  # fmt: skip
    assert svam["expert"]["sees"] == "foresight"
    assert svam["expert"]["time_shift_ratio"] == 4.0
    assert {"choose"} < set(recipe.demonstrations.instructions)  # the task with two valid ways


def test_the_smoke_study_has_the_same_arms() -> None:
    real, smoke = (load_study(RECIPES / f"so101_study{end}.toml")[0] for end in ("", "_smoke"))
    assert smoke.arms == real.arms


def test_a_training_seed_is_that_of_the_fit() -> None:
    study, recipe = load_study(RECIPES / "so101_study.toml")
    one, other = (asdict(recipe_of(study, recipe, study.arms[0], seed)) for seed in (0, 2))
    assert differences(one, other) == {"expert.fit.seed": 2}


def test_all_arms_come_with_one_seed_before_the_next() -> None:
    study, _ = load_study(RECIPES / "so101_study.toml")
    assert [seed for _, seed in cells_of(study)] == [seed for seed in (0, 1, 2) for _ in study.arms]
    some = cells_of(study, ["frame", "svam"], [2])
    assert [(arm.name, seed) for arm, seed in some] == [("svam", 2), ("frame", 2)]
    heads = cells_of(study, ["uniform*", "l1"], [0])
    assert [arm.name for arm, _ in heads] == ["uniform", "uniform-10-steps", "l1"]
    with pytest.raises(RefusedError, match=r"so101-study has no arm magic; expected some of svam, raw, "):
        cells_of(study, ["magic"])
    with pytest.raises(RefusedError, match=r"has no training seed 7; expected some of 0, 1, 2"):
        cells_of(study, None, [7])


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('of = "svam"\nforesight = "zeroed"', 'of = "magic"\nforesight = "zeroed"', r"arms\[5\]\.of is 'magic'; expected one of svam, "),
        ('of = "svam"\nforesight = "zeroed"', 'foresight = "zeroed"', "of is missing; expected the arm whose foresight"),
        ('of = "uniform"', 'of = "uniform"\ntime_shift_ratio = 2.0', "time_shift_ratio is 2.0; expected nothing, in an arm of uniform"),
        ('name = "raw"', 'name = "svam"', r"arms\[1\]\.name is 'svam'; expected a name that no arm above has"),
        ('name = "raw"', 'name = "../raw"', "name is '../raw'; expected small letters"),
        ("seeds = [0]", "seeds = [0, 0]", "seeds is .*; expected each seed once"),
        ("first_seed = 50_000", "first_seed = 100_000", "trials.seeds is 1; expected scenes below 100000"),
        ('sees = "frame"', 'sees = "film"', "sees is 'film'; expected one of 'foresight'"),
        ("so101_svam_smoke.toml", "nowhere.toml", "nowhere.toml: No such file"),
    ],
)  # fmt: skip
def test_a_study_that_cannot_be_is_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    text = (RECIPES / "so101_study_smoke.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "study.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    (tmp_path / "so101_svam_smoke.toml").write_bytes((RECIPES / "so101_svam_smoke.toml").read_bytes())
    with pytest.raises(ConfigError, match=told):
        load_study(tmp_path / "study.toml")
