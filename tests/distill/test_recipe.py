"""What a recipe asks of its world: tasks that it has, and pictures on its grid."""

from pathlib import Path

import pytest

from distill.recipe import load_recipe
from distill.svam.recipe import load_svam_recipe
from interfaces.errors import ConfigError
from sim.metaworld.tasks import TASKS
from sim.robot_model import JOINT_NAMES

RECIPES = Path(__file__).parents[2] / "distill/recipes"


@pytest.mark.parametrize("name", ["metaworld_svam", "metaworld_svam_smoke"])
def test_a_recipe_for_metaworld_has_its_joints_camera_and_grid(name: str) -> None:
    recipe = load_svam_recipe(RECIPES / f"{name}.toml")
    config = recipe.config()
    assert config.joints == ("x", "y", "z", "gripper")
    assert (config.camera, config.width_px, config.height_px, config.crop_px) == ("workspace", 192, 192, 192)
    assert recipe.demonstrations.facts.step_s == 0.0125
    assert recipe.demonstrations.picture_every == 4
    assert recipe.demonstrations.instructions == TASKS


def test_a_recipe_without_a_world_is_for_the_arm() -> None:
    recipe = load_svam_recipe(RECIPES / "so101_svam.toml")
    config = recipe.config()
    assert recipe.demonstrations.world == "so101"
    assert (config.joints, config.camera, config.width_px, config.crop_px) == (JOINT_NAMES, "front", 424, 240)
    assert recipe.demonstrations.picture_every == 10


@pytest.mark.parametrize(
    ("recipe", "old", "new", "told"),
    [
        ("metaworld_svam", '"drawer-close"', '"push"', r"demonstrations.tasks\[0\].name is 'push'; expected one of drawer"),
        ("so101_svam", 'name = "reach"', 'name = "door-open"', r"tasks\[0\].name is 'door-open'; expected one of reach"),
        ("metaworld_svam", "picture_rate_hz = 20.0", "picture_rate_hz = 30.0", r"is 30.0; expected 80 divided by a whole"),
        ("metaworld_svam", "step_ms = 25.0", "step_ms = 20.0", r"step_ms is 20.0; expected a multiple of 12.5"),
        ("metaworld_svam", 'world = "metaworld"', 'world = "moon"', r"world is 'moon'; expected one of 'so101', 'metaworld'"),
    ],
)  # fmt: skip
def test_what_the_world_has_not_is_refused(tmp_path: Path, recipe: str, old: str, new: str, told: str) -> None:
    text = (RECIPES / f"{recipe}.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "bad.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=told):
        load_svam_recipe(tmp_path / "bad.toml")


def test_the_small_family_is_for_the_arm_only(tmp_path: Path) -> None:
    text = (RECIPES / "so101_small.toml").read_text(encoding="utf-8")
    text = text.replace("[demonstrations]", '[demonstrations]\nworld = "metaworld"', 1)
    for task, other in zip(("reach", "push", "press", "lift"), TASKS, strict=False):
        text = text.replace(f'name = "{task}"', f'name = "{other}"')
    (tmp_path / "bad.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"demonstrations\.world is 'metaworld'; expected \"so101\""):
        load_recipe(tmp_path / "bad.toml")
