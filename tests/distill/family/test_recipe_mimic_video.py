"""The recipes of mimic-video: they load, stand on the video model that they name, and say what the family itself would."""

from __future__ import annotations

from pathlib import Path

from distill.family.recipe import load_family_recipe
from models.mimic_video.config import MimicVideoConfig
from models.mimic_video.policy import MimicVideoPolicy

RECIPES = Path(__file__).parents[3] / "distill/recipes"


def test_the_recipe_is_the_small_policy_on_the_runs_video_model() -> None:
    plan = load_family_recipe(RECIPES / "so101_mimic_video.toml")
    config = plan.config()
    trained = plan.trained.config()
    assert config == MimicVideoConfig.small(**trained.robot())
    assert isinstance(config, MimicVideoConfig)
    assert config.svam().transformer_blocks == trained.transformer_blocks == 8
    assert (config.tau_v_ratio, config.n_steps) == (1.0, 1)


def test_the_smoke_recipe_stands_on_the_smoke_runs_sizes() -> None:
    plan = load_family_recipe(RECIPES / "so101_mimic_video_smoke.toml")
    policy = plan.policy()
    assert isinstance(policy, MimicVideoPolicy)
    assert policy.config.transformer_dim == plan.trained.sizes.transformer_dim
    assert policy.future == (plan.trained.sizes.n_frames, plan.trained.sizes.frame_step_ms)
    assert policy.config.tau_v_ratio < 1.0  # the Euler steps are tried, too
