"""A family's recipe: its sizes are those of its own config, and what is wrong is said before anything is trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from distill.family.recipe import load_family_recipe
from interfaces.errors import ConfigError
from tests.distill.family.toy_family import ToyConfig

RECIPES = Path(__file__).parents[3] / "distill/recipes"
FIT = """steps = 3
batch_size = 2
learning_rate_ratio = 1e-3
weight_decay_ratio = 1e-2
average_ratio = 0.9
warm_up_steps = 1
checkpoint_every_s = 60.0
look_every_s = 60.0
seed = 1
"""
RECIPE = f"""format = 1
family = "toy"
name = "so101-toy"
recipe = "{RECIPES / "so101_svam_smoke.toml"}"
from_run = "runs/so101-svam-smoke"
horizon = 12
step_ms = 50.0
first_ms = 50.0
threads = 1

[network]
n_history = 3

[actions]
demonstrations = 6
age_min_ms = 20.0
age_typical_ms = 150.0
age_max_ms = 300.0
joint_noise_rad = 0.01

[fit]
{FIT}"""


def load(tmp_path: Path, old: str = "", new: str = "") -> ToyConfig:
    assert old in RECIPE
    (tmp_path / "toy.toml").write_text(RECIPE.replace(old, new) if old else RECIPE)
    config = load_family_recipe(tmp_path / "toy.toml").config()
    assert isinstance(config, ToyConfig)
    return config


def test_the_robot_is_that_of_the_run_and_the_rest_the_familys(tmp_path: Path) -> None:
    config = load(tmp_path)
    assert config.instructions == ("reach", "push", "press", "lift", "choose")
    assert (config.channels, config.n_history, config.n_frames) == (4, 3, 2)
    assert (config.horizon, config.foresight_age_max_ms) == (12, 300.0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("n_history = 3", "n_histories = 3", r"network\.n_histories is 3; expected one of .*n_history"),
        ("n_history = 3", "n_history = 3.0", r"network\.n_history is 3\.0; expected a whole number"),
        ("n_history = 3", "width_px = 3", r"network\.width_px is 3; expected one of"),
        ('family = "toy"', 'family = "svam"', r"family is 'svam'; expected one of .*toy"),
        ("first_ms = 50.0", "first_ms = 5.0", r"first_ms; expected a multiple of 10"),
        ("age_min_ms = 20.0", "age_min_ms = 200.0", r"actions\.age_max_ms .*min < typical <= max"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, old, new)
