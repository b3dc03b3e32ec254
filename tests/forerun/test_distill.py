"""`forerun distill`: which recipe goes where, before anything is trained."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from forerun import distill
from interfaces.errors import ConfigError, RefusedError

RECIPES = Path(__file__).parents[2] / "distill/recipes"


def told(recipe: Path, from_run: Path | None = None) -> argparse.Namespace:
    return argparse.Namespace(recipe=recipe, out=None, from_run=from_run)


def test_an_unknown_family_is_named_with_those_that_are_known(tmp_path: Path) -> None:
    (tmp_path / "wam.toml").write_text('family = "wam"\n')
    with pytest.raises(ConfigError, match=r"family is 'wam'; expected one of small, svam, svam-paper.*uva"):
        distill.run(told(tmp_path / "wam.toml"))


def test_only_a_recipe_that_stands_on_a_run_takes_one(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"--from-run is for recipes that stand on another run"):
        distill.run(told(RECIPES / "so101_svam_smoke.toml", tmp_path))
    missing = tmp_path / "nowhere"
    with pytest.raises(ConfigError, match=r"nowhere/latents\.npy is missing|nowhere/latents\.npy: file is missing"):
        distill.run(told(RECIPES / "so101_uva_smoke.toml", missing))
