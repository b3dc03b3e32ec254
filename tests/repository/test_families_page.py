"""The family on docs/families.md is one: it learns, acts, comes back from its file, and its recipe is read."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from distill.family.recipe import load_family_recipe
from models.families import FAMILIES, Family, load_policy, save_policy
from models.moment import Moment
from models.svam.config import SvamConfig
from models.svam.policy import SvamPolicy

TRAINED = SvamConfig.small_transformer(
    joints=("a", "b", "c"), instructions=("reach", "push"), width_px=60, height_px=48, crop_px=40, horizon=4,
    video_px=32, n_frames=4, vae_channels=(8, 16), latent_channels=4, n_text_tokens=2, text_dim=8,
    transformer_dim=24, transformer_heads=2, transformer_blocks=3, transformer_leave_dim=16,
    goal_dim=8, anchor_px=32, semantic_dim=8, geometric_dim=8, decoupler_dim=16, decoupler_heads=2, decoupler_blocks=1,
    queries_per_frame=1, token_dim=16, condenser_layers=1, condenser_heads=2, condenser_head_dim=8,
    expert_heads=2, encoder_blocks=1, decoder_blocks=1,
)  # fmt: skip


def block(root: Path, language: str) -> str:
    page = (root / "docs" / "families.md").read_text(encoding="utf-8")
    found = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
    assert len(found) == 1
    return found[0]


@pytest.fixture
def plain(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the page's module, listed as the page says."""
    (tmp_path / "plain.py").write_text(block(root, "python"), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("plain", tmp_path / "plain.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "plain", module)
    spec.loader.exec_module(module)
    monkeypatch.setitem(FAMILIES, "plain", Family(module.PlainConfig, module.PlainPolicy))
    return module


def test_the_family_on_the_page_learns_acts_and_comes_back(plain: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    policy = plain.PlainPolicy(plain.PlainConfig.on(TRAINED, token_dim=8))
    policy.adopt(SvamPolicy(TRAINED))
    draw = torch.Generator().manual_seed(0)
    latents = torch.randn(2, 5, 4, 8, 8, generator=draw)
    moment = Moment(
        frames=latents[:, :1], future=latents[:, 1:], task=torch.tensor([0, 1]), joints_rad=torch.zeros(2, 3),
        age_s=torch.full((2,), 0.1), target_rad=torch.randn(2, 4, 3, generator=draw),
    )  # fmt: skip
    policy.loss(moment, draw).mean().backward()
    learning = {name.split(".")[0] for name, parameter in policy.named_parameters() if parameter.grad is not None}
    assert learning == {"enter", "text", "leave"}
    save_policy(policy, tmp_path / "policy.pt")
    again = load_policy(tmp_path / "policy.pt")
    with torch.no_grad():
        tokens = again.context(torch.zeros(2, 48, 60, 3, dtype=torch.uint8), torch.eye(2))
        assert tokens.shape == (2, *again.tokens_shape)
        assert again.decode(tokens, torch.zeros(2, 3), torch.zeros(2), torch.zeros(2, 4, 3)).shape == (2, 4, 3)


def test_the_recipe_on_the_page_is_read(plain: Any, root: Path, tmp_path: Path) -> None:
    recipes = root / "distill" / "recipes"
    text = block(root, "toml").replace('"so101_svam.toml"', f'"{recipes / "so101_svam.toml"}"')
    (tmp_path / "so101_plain.toml").write_text(text, encoding="utf-8")
    plan = load_family_recipe(tmp_path / "so101_plain.toml")
    config = plan.config()
    assert isinstance(config, plain.PlainConfig)
    assert (config.horizon, config.n_joints, plan.network) == (16, 6, {"token_dim": 48})


def test_every_family_is_on_the_page(root: Path) -> None:
    page = (root / "docs" / "families.md").read_text(encoding="utf-8")
    assert [name for name in FAMILIES if name != "small" and f"| `{name}` |" not in page] == []
