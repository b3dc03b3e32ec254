"""The recipes of UVA fit the runs that they stand on, and the control without the video objective is one word away."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from distill.family.moments import Reach
from distill.family.recipe import load_family_recipe
from interfaces.errors import ConfigError
from models.families import load_policy, save_policy
from models.uva.config import UvaConfig
from models.uva.policy import UvaPolicy

RECIPES = Path(__file__).parents[3] / "distill/recipes"


def config_of(path: Path) -> UvaConfig:
    config = load_family_recipe(path).config()
    assert isinstance(config, UvaConfig)
    return config


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def test_the_recipe_is_the_small_uva_on_the_svam_run() -> None:
    config = config_of(RECIPES / "so101_uva.toml")
    small = UvaConfig.small(joints=config.joints, instructions=config.instructions, modes=config.modes)
    assert config == small
    with torch.device("meta"):
        assert 6e6 < count(UvaPolicy(config)) < 8e6
    assert config.modes.count("policy") == 3
    assert config.video_loss


def test_the_smoke_recipe_makes_a_policy_that_comes_back_from_its_checkpoint(tmp_path: Path) -> None:
    plan = load_family_recipe(RECIPES / "so101_uva_smoke.toml")
    policy = plan.policy()
    assert Reach.of(policy, plan.trained.demonstrations.picture_rate_hz) == Reach(
        n_history=1, history_stride=1, n_future=4, future_stride=2
    )
    save_policy(policy, tmp_path / "policy.pt")
    back = load_policy(tmp_path / "policy.pt")
    assert back.config == policy.config
    for name, value in policy.state_dict().items():
        torch.testing.assert_close(back.state_dict()[name], value, atol=0, rtol=0)


def test_the_control_is_one_word(tmp_path: Path) -> None:
    told = (RECIPES / "so101_uva_smoke.toml").read_text()
    assert "video_loss = true" in told
    for old, new in (("video_loss = true", "video_loss = false"), ('"so101_svam', f'"{RECIPES}/so101_svam')):
        told = told.replace(old, new)
    (tmp_path / "control.toml").write_text(told)
    assert not config_of(tmp_path / "control.toml").video_loss
    (tmp_path / "odd.toml").write_text(told.replace("n_heads = 2", "n_heads = 2\npool = 3"))
    with pytest.raises(ConfigError, match="pool; expected a divisor of 4"):
        load_family_recipe(tmp_path / "odd.toml").config()
