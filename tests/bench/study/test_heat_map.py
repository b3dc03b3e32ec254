"""The heat map: a panel for each chunk length and group of tasks, a place for each head and number of steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PIL import Image

from bench.study.heat_map import Layout, pooled, write_heat_map
from tests.bench.study.test_rates import TRIALS

ARMS = {(16, "flow", 1): "svam", (16, "flow", 10): "raw"}
LAYOUT = Layout(
    heads=("flow", "l1"), steps=(1, 10), horizons=(16,), groups={"one way": ("reach",), "push": ("push",)},
    arm=lambda horizon, head, steps: ARMS.get((horizon, head, steps)),
)  # fmt: skip


def test_a_place_pools_training_seeds_and_the_tasks_of_its_group() -> None:
    assert (pooled(TRIALS, "svam", ("reach",)).successes, pooled(TRIALS, "svam", ("reach",)).trials) == (7, 8)
    assert pooled(TRIALS, "svam", ("reach", "push")).trials == 16
    assert pooled(TRIALS, None, ("reach",)).trials == 0


def test_the_picture_grows_with_lengths_and_groups(tmp_path: Path) -> None:
    write_heat_map(tmp_path / "one.png", TRIALS, LAYOUT)
    write_heat_map(tmp_path / "wide.png", TRIALS, replace(LAYOUT, horizons=(8, 16)))
    write_heat_map(tmp_path / "low.png", TRIALS, replace(LAYOUT, groups={"one way": ("reach",)}))
    one, wide, low = (Image.open(tmp_path / name) for name in ("one.png", "wide.png", "low.png"))
    assert one.format == "PNG"
    assert wide.width > one.width
    assert low.height < one.height


def nowhere(_horizon: int, _head: str, _steps: int) -> None:
    """Stand for a grid without arms."""


def test_success_is_what_colours_the_places(tmp_path: Path) -> None:
    """An empty grid is white and text; the tried one has the map's colours."""
    write_heat_map(tmp_path / "tried.png", TRIALS, LAYOUT)
    write_heat_map(tmp_path / "empty.png", TRIALS, replace(LAYOUT, arm=nowhere))
    tried, empty = (Image.open(tmp_path / name).convert("HSV").getchannel("S") for name in ("tried.png", "empty.png"))
    coloured, nothing = (
        sum(count for value, count in enumerate(one.histogram()) if value > 80) for one in (tried, empty)
    )
    assert coloured > 20 * (nothing + 1)
