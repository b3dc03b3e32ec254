"""All families in one place: each comes back from its checkpoint as what it was, and an unknown one is named."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
import torch

from interfaces.errors import ConfigError
from models.families import FAMILIES, family_name, load_policy, save_policy
from models.policy import Policy
from models.robot_side import RobotSide
from models.small_policy import SmallPolicy, SmallPolicyConfig
from models.svam.config import SvamConfig
from models.torch_file import read_torch, write_torch

SMALL = SmallPolicyConfig(joints=("a", "b"), instructions=("reach",), horizon=3, channels=16, hidden_dim=16)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_is_a_config_and_a_policy(name: str) -> None:
    family = FAMILIES[name]
    assert is_dataclass(family.config)
    assert issubclass(family.config, RobotSide)
    assert issubclass(family.policy, Policy)
    assert not family.trainable or hasattr(family.config, "on")
    assert not getattr(family.policy, "__abstractmethods__", None)


def test_a_checkpoint_comes_back_as_what_it_was(tmp_path: Path) -> None:
    policy = SmallPolicy(SMALL)
    policy.chunk_std.fill_(0.3)
    save_policy(policy, tmp_path / "policy.pt")
    again = load_policy(tmp_path / "policy.pt")
    assert isinstance(again, SmallPolicy)
    assert again.config == SMALL
    assert family_name(again) == "small"
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in policy.state_dict().items())
    assert not again.training


def test_older_checkpoints_that_do_not_say_their_family_are_of_the_first(tmp_path: Path) -> None:
    save_policy(SmallPolicy(SMALL), tmp_path / "policy.pt")
    saved = read_torch(tmp_path / "policy.pt", torch.device("cpu"))
    del saved["family"]
    of_old = {"n_history", "history_step_ms"}
    saved["config"] = {key: value for key, value in saved["config"].items() if key not in of_old}
    write_torch(tmp_path / "old.pt", saved)
    assert load_policy(tmp_path / "old.pt").config == SMALL


def test_what_is_no_known_policy_is_named(tmp_path: Path) -> None:
    write_torch(tmp_path / "policy.pt", {"family": "wam", "config": {}, "weights": {}})
    with pytest.raises(ConfigError, match=r"policy\.pt: family is 'wam'; expected one of small, svam"):
        load_policy(tmp_path / "policy.pt")
    write_torch(tmp_path / "policy.pt", {"family": "svam", "config": {"joints": ("a",)}, "weights": {}})
    with pytest.raises(ConfigError, match=r"policy\.pt: .*does not fit"):
        load_policy(tmp_path / "policy.pt")


def test_the_robots_side_is_what_families_share() -> None:
    config = SvamConfig.small(joints=("a", "b"), instructions=("reach",), horizon=4, n_history=2)
    told = config.robot()
    assert told.keys() == {field.name for field in fields(RobotSide)}
    assert SmallPolicyConfig(**told).horizon == 4
    assert (config.n_joints, config.n_instructions) == (2, 1)
