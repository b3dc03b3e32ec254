"""The recipes of Video2Act are whole, stand on the recipes that they name, and what cannot be is refused with the file's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from distill.family.recipe import load_family_recipe
from interfaces.errors import ConfigError
from models.video2act.config import Video2ActConfig

RECIPES = Path(__file__).parents[3] / "distill" / "recipes"


def test_the_recipe_is_the_small_policy_beside_so101_svam() -> None:
    config = load_family_recipe(RECIPES / "so101_video2act.toml").config()
    assert isinstance(config, Video2ActConfig)
    assert config == Video2ActConfig.small(joints=config.joints, instructions=config.instructions)
    assert (config.n_joints, config.n_instructions, config.n_tokens) == (6, 5, 4 + 16 + 128)


def test_the_smoke_recipe_has_waves_to_pass_in_its_four_frames() -> None:
    config = load_family_recipe(RECIPES / "so101_video2act_smoke.toml").config()
    assert isinstance(config, Video2ActConfig)
    assert (config.n_frames, config.passed()) == (4, (False, True, True))


def test_filters_before_the_video_model_ask_for_the_past(tmp_path: Path) -> None:
    text = (RECIPES / "so101_video2act.toml").read_text(encoding="utf-8")
    text = text.replace('"so101_svam.toml"', f'"{RECIPES / "so101_svam.toml"}"').replace('= "after"', '= "before"')
    (tmp_path / "before.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"before\.toml: .*n_history is 1; expected 8"):
        load_family_recipe(tmp_path / "before.toml")
    past = text.replace("[network]\n", "[network]\nn_history = 8\nhistory_step_ms = 100.0\n")
    (tmp_path / "before.toml").write_text(past, encoding="utf-8")
    assert load_family_recipe(tmp_path / "before.toml").config().n_history == 8
