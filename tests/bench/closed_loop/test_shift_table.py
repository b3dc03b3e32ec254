"""The table of shifts counts each task under each shift, and the CSV file has every episode once."""

import csv
from pathlib import Path

import pytest
from rich.console import Console

from bench.closed_loop.lockstep import Outcome
from bench.closed_loop.shift_table import COLUMNS, shift_table, write_episodes
from interfaces.errors import ConfigError

OUTCOMES = {
    "none": [Outcome("reach", 3, 0.5), Outcome("reach", 4, 0.25), Outcome("lift", 3, 2.0), Outcome("lift", 4, 1.0)],
    "looks": [Outcome("reach", 3, None), Outcome("reach", 4, 0.75), Outcome("lift", 3, None), Outcome("lift", 4, None)],
}


def test_the_table_counts() -> None:
    console = Console(width=80, record=True)
    console.print(shift_table("policy", OUTCOMES))
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in console.export_text().splitlines()]
    rows = [row for row in cells if row]
    assert rows == [
        ["reach", "2/2", "1/2"],
        ["", "34-100 %", "9-91 %"],
        ["lift", "2/2", "0/2"],
        ["", "34-100 %", "0-66 %"],
        ["all", "4/4", "1/4"],
        ["", "51-100 %", "5-70 %"],
    ]


def test_every_episode_is_a_row(tmp_path: Path) -> None:
    file = tmp_path / "new" / "episodes.csv"
    write_episodes(file, OUTCOMES)
    with file.open(newline="") as text:
        rows = list(csv.DictReader(text))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 8
    assert rows[1] == {"task": "reach", "seed": "4", "shift": "none", "success": "1", "time_s": "0.250"}
    assert rows[4] == {"task": "reach", "seed": "3", "shift": "looks", "success": "0", "time_s": ""}


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "in-the-way").write_text("")
    with pytest.raises(ConfigError, match=r"in-the-way/episodes\.csv: --out"):
        write_episodes(tmp_path / "in-the-way" / "episodes.csv", OUTCOMES)
