"""Policies side by side under every shift, from the files of `forerun eval --out`, as a table in Markdown.

`python -m bench.closed_loop.shift_columns expert=FILE so101-small=FILE ...`: a row a shift and task, a column a file; in each cell
success, its 95 % interval, and under a shift by how many points that is more or less than without. The rows "all" count only tasks
that every policy played.
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
from sim.shifts.named import SHIFTS

ALL = "all"
NONE = "none"
Counts = dict[tuple[str, str], tuple[int, int]]  # (shift, task) -> successes and episodes


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
        tried[row["shift"], row["task"]] += 1
        done[row["shift"], row["task"]] += int(row["success"])
    if not rows:
        raise ConfigError(str(file), "file", "no episodes", "a file of `forerun eval --out`")
    return {key: (done[key], n) for key, n in tried.items()}


def markdown(columns: Mapping[str, Counts]) -> str:
    """Return the table."""
    tasks = list(dict.fromkeys(task for counts in columns.values() for _, task in counts))
    shared = [task for task in tasks if all(task in {known for _, known in counts} for counts in columns.values())]
    lines = [f"| shift | task | {' | '.join(columns)} |", "|---" * (2 + len(columns)) + "|"]
    for shift in SHIFTS:
        for name, counted in [(task, [task]) for task in tasks] + [(ALL, shared)]:
            cells = [_cell(counts, shift, counted) for counts in columns.values()]
            if any(cells):
                lines.append(f"| {shift} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(counts: Counts, shift: str, tasks: list[str]) -> str:
    done, n = _total(counts, shift, tasks)
    if not n:
        return ""
    low, high = wilson(done, n)
    cell = f"{done}/{n} ({100 * low:.0f}-{100 * high:.0f} %)"
    done_without, n_without = _total(counts, NONE, tasks)
    if shift == NONE or not n_without:
        return cell
    return f"{cell}, {round(100 * (done / n - done_without / n_without), 1):+g}"


def _total(counts: Counts, shift: str, tasks: list[str]) -> tuple[int, int]:
    done, tried = zip(*(counts.get((shift, task), (0, 0)) for task in tasks), strict=True) if tasks else ((), ())
    return sum(done), sum(tried)


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
