"""Success under each shift beside success without one: tasks by shifts, with intervals; and the episodes behind it as a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.table import Table

from bench.closed_loop.intervals import wilson
from bench.closed_loop.lockstep import Outcome
from interfaces.durable import write_whole
from interfaces.errors import ConfigError

COLUMNS = ("task", "seed", "shift", "success", "time_s")


def shift_table(title: str, by_shift: Mapping[str, Sequence[Outcome]]) -> Table:
    """Return a table with a row a task, one of all tasks, and a column a shift; below each success its 95 % interval."""
    table = Table("task", *by_shift, title=title, title_justify="left")
    tasks = list(dict.fromkeys(outcome.task for outcomes in by_shift.values() for outcome in outcomes))
    for task in tasks:
        table.add_row(task, *(_success([each for each in of if each.task == task]) for of in by_shift.values()))
    table.add_section()
    table.add_row("all", *(_success(outcomes) for outcomes in by_shift.values()))
    return table


def write_episodes(path: Path, by_shift: Mapping[str, Sequence[Outcome]]) -> None:
    """Write one row an episode; `success` is 1 or 0, `time_s` empty where there was none. Raises ConfigError where it cannot be."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for shift, outcomes in by_shift.items():
        for each in outcomes:
            time_s = "" if each.success_s is None else f"{each.success_s:.3f}"
            rows.writerow((each.task, each.seed, shift, int(each.success_s is not None), time_s))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.getvalue().encode())
    except OSError as error:
        raise ConfigError(str(path), "--out", error.strerror, "a file that can be written") from error


def _success(outcomes: Sequence[Outcome]) -> str:
    n_done = sum(outcome.success_s is not None for outcome in outcomes)
    low, high = wilson(n_done, len(outcomes))
    return f"{n_done}/{len(outcomes)}\n{100 * low:.0f}-{100 * high:.0f} %"
