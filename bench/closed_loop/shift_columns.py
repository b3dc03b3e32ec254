"""Policies side by side under every shift, from the files of `forerun eval --out`, as a table in Markdown.

`python -m bench.closed_loop.shift_columns expert=FILE so101-small=FILE ...`: a row a shift and task, a column a file; in each cell
success, its 95 % interval, and where it is not the first shift what it lost against that one in points.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from bench.closed_loop.intervals import wilson
from bench.closed_loop.shift_table import COLUMNS
from interfaces.errors import ConfigError

ALL = "all"
Counts = dict[tuple[str, str], tuple[int, int]]  # (shift, task) -> successes and episodes, task "all" for all of them


def read_counts(file: Path) -> Counts:
    """Return what a file of episodes counts; ConfigError where it is none."""
    try:
        with file.open(encoding="utf-8", newline="") as text:
            rows = list(csv.DictReader(text))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(file), "file", str(error), "a file of `forerun eval --out`") from error
    done: Counter[tuple[str, str]] = Counter()
    tried: Counter[tuple[str, str]] = Counter()
    for number, row in enumerate(rows, 2):
        if set(row) != set(COLUMNS) or row["success"] not in {"0", "1"}:
            raise ConfigError(str(file), f"line {number}", ",".join(map(str, row.values())), ",".join(COLUMNS))
        for task in (row["task"], ALL):
            tried[row["shift"], task] += 1
            done[row["shift"], task] += int(row["success"])
    if not rows:
        raise ConfigError(str(file), "file", "no episodes", "a file of `forerun eval --out`")
    return {key: (done[key], n) for key, n in tried.items()}


def markdown(columns: Mapping[str, Counts]) -> str:
    """Return the table."""
    shifts = list(dict.fromkeys(shift for counts in columns.values() for shift, _ in counts))
    tasks = list(dict.fromkeys(task for counts in columns.values() for _, task in counts if task != ALL))
    lines = [f"| shift | task | {' | '.join(columns)} |", "|---" * (2 + len(columns)) + "|"]
    for shift in shifts:
        for task in (*tasks, ALL):
            cells = [_cell(counts, shift, task, shifts[0]) for counts in columns.values()]
            if any(cells):
                lines.append(f"| {shift} | {task} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(counts: Counts, shift: str, task: str, first: str) -> str:
    if (shift, task) not in counts:
        return ""
    done, n = counts[shift, task]
    low, high = wilson(done, n)
    cell = f"{done}/{n} ({100 * low:.0f}-{100 * high:.0f} %)"
    if shift == first or (first, task) not in counts:
        return cell
    before, n_before = counts[first, task]
    return f"{cell}, {100 * done / n - 100 * before / n_before:+.0f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("columns", nargs="+", metavar="NAME=FILE")
    columns: dict[str, Counts] = {}
    for column in parser.parse_args().columns:
        name, _, file = column.partition("=")
        columns[name] = read_counts(Path(file))
    sys.stdout.write(f"{markdown(columns)}\n")


if __name__ == "__main__":
    main()
