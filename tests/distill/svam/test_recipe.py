"""The recipe of an S-VAM: the shipped one is one, and what cannot be is refused by key, value and expectation."""

from __future__ import annotations

from pathlib import Path

import pytest

from distill.svam.recipe import load_svam_recipe
from interfaces.errors import ConfigError

RECIPES = Path(__file__).parents[3] / "distill/recipes"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("horizon = 16", "horizonn = 16", "horizonn is 16; expected one of"),
        ("frame_step_ms = 200.0", "frame_step_ms = 150.0", "sizes.frame_step_ms is 150.0; expected a multiple of 100"),
        ("video_px = 64\n", "", "demonstrations.video_px is missing; expected the side of the video"),
        (
            "video_px = 64",
            "video_px = 128",
            "demonstrations.video_px is 128; expected 64, the side of the pictures that",
        ),
        ("[16, 32, 32]", "[16, 32]", r"sizes.autoencoder_channels is \(16, 32\); expected 3 widths"),
        ("records = 32", "records = 0", "self_distillation.records is 0; expected above 0"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    text = (RECIPES / "so101_svam_smoke.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "bad.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=told):
        load_svam_recipe(tmp_path / "bad.toml")


def test_the_real_recipe_is_one() -> None:
    recipe = load_svam_recipe(RECIPES / "so101_svam.toml")
    config = recipe.config()
    assert (config.grid, config.n_frames, config.latent_px) == (8, 8, 8)
    assert recipe.stride == 1
