"""The file of episodes: it comes back as it was, and a line that is none is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.study.trials import read_trials, write_trials
from interfaces.errors import ConfigError
from tests.bench.study.test_rates import TRIALS


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
