"""The picture: a panel a task, a row an arm."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from bench.study.picture import write_picture
from tests.bench.study.test_rates import TRIALS


def test_the_picture_has_a_panel_a_task_and_a_row_an_arm(tmp_path: Path) -> None:
    write_picture(tmp_path / "small.png", TRIALS[:8])
    write_picture(tmp_path / "large.png", TRIALS)
    small, large = (Image.open(tmp_path / name) for name in ("small.png", "large.png"))
    assert small.format == "PNG"
    assert large.width == small.width  # the same tasks
    assert large.height > small.height  # one arm more
    assert len(large.convert("RGB").getcolors(1 << 16) or []) > 20  # something is drawn
