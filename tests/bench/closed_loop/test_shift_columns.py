"""Columns side by side say of each shift what it costs; a policy that was not asked a task has an empty cell there."""

from pathlib import Path

import pytest

from bench.closed_loop.lockstep import Outcome
from bench.closed_loop.shift_columns import markdown, read_counts
from bench.closed_loop.shift_table import write_episodes
from interfaces.errors import ConfigError


def test_policies_side_by_side(tmp_path: Path) -> None:
    expert = {"none": [Outcome("reach", 0, 0.5), Outcome("choose", 0, 0.5)]}
    small = {"none": [Outcome("reach", 0, 0.5), Outcome("reach", 1, 0.5)], "looks": [Outcome("reach", 0, None)]}
    write_episodes(tmp_path / "expert.csv", expert)
    write_episodes(tmp_path / "small.csv", small)
    table = markdown({name: read_counts(tmp_path / f"{name}.csv") for name in ("expert", "small")})
    assert table.splitlines() == [
        "| shift | task | expert | small |",
        "|---|---|---|---|",
        "| none | reach | 1/1 (21-100 %) | 2/2 (34-100 %) |",
        "| none | choose | 1/1 (21-100 %) |  |",
        "| none | all | 1/1 (21-100 %) | 2/2 (34-100 %) |",
        "| looks | reach |  | 0/1 (0-79 %), -100 |",
        "| looks | all |  | 0/1 (0-79 %), -100 |",
    ]


@pytest.mark.parametrize(
    "text", ["", "task,seed\nreach,0\n", "task,seed,shift,success,time_s\nreach,0,none,yes,0.5\n", None]
)
def test_another_file_is_refused(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "other.csv"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigError, match=r"other\.csv"):
        read_counts(file)
