"""What a study leaves: the file of episodes comes back as it was, and table and picture say what is in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from bench.study.picture import write_picture
from bench.study.table import Heading, markdown
from bench.study.trials import Trial, read_trials, write_trials
from interfaces.errors import ConfigError
from tests.bench.study.test_rates import TRIALS

HEADING = Heading(title="so101-study", facts=("command: `forerun study`",), about={"svam": "the paper's", "raw": "VPP"})


def test_episodes_come_back_as_they_were(tmp_path: Path) -> None:
    write_trials(tmp_path / "results.csv", TRIALS)
    assert read_trials(tmp_path / "results.csv") == TRIALS
    assert [path.name for path in tmp_path.iterdir()] == ["results.csv"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "line 1"),
        ("arm,task\n", "line 1"),
        ("arm,training_seed,task,seed,success_s\nsvam,0,reach,0,\nsvam,0,reach,many,1.0\n", "line 3 is 'svam,0,reach,many,1.0'"),
        ("arm,training_seed,task,seed,success_s\nsvam,0\n", "line 2 is 'svam,0'"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_refused_by_its_line(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "results.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"results\.csv: {told}"):
        read_trials(tmp_path / "results.csv")


def test_the_table_says_success_interval_spread_and_difference() -> None:
    lines = markdown(HEADING, TRIALS).splitlines()
    assert lines[0] == "# so101-study"
    assert "- command: `forerun study`" in lines
    assert "| arm | reach | push | all tasks |" in lines
    assert "| svam | 7/8 = 87.5 % (53-98) | 2/8 = 25.0 % (7-59) | 9/16 = 56.2 % (33-77) |" in lines
    assert "| svam | 56.2 % of 2 | 37.5-75.0 % | - |" in lines
    assert any(line.startswith("| raw | 37.5 % of 1 | 37.5-37.5 % | -37.5 (-73.4 to -1.6) |") for line in lines)
    assert "- **raw**: VPP" in lines


def test_an_arm_that_has_not_been_tried_in_a_task_is_a_dash() -> None:
    more = [*TRIALS, Trial(arm="new", training_seed=0, task="lift", seed=0, success_s=None)]
    assert "| new | - | - | 0/1 = 0.0 % (0-79) | 0/1 = 0.0 % (0-79) |" in markdown(HEADING, more)


def test_the_picture_has_a_panel_a_task_and_a_row_an_arm(tmp_path: Path) -> None:
    write_picture(tmp_path / "small.png", TRIALS[:8])
    write_picture(tmp_path / "large.png", TRIALS)
    small, large = (Image.open(tmp_path / name) for name in ("small.png", "large.png"))
    assert small.format == "PNG"
    assert large.width == small.width  # the same tasks
    assert large.height > small.height  # one arm more
    assert len(large.convert("RGB").getcolors(1 << 16) or []) > 20  # something is drawn
