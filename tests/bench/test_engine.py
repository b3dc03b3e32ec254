"""The table of inference times has a row for every graph and number of threads."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_graph_and_number_of_threads_has_a_row() -> None:
    command = [sys.executable, "-m", "bench.engine", "tests/data/tiny_bundle", "--runs", "5"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    rows = [line.split() for line in done.stdout.splitlines()[2:]]
    assert [(row[0], row[1]) for row in rows] == [
        ("foresight", "1"),
        ("foresight", "2"),
        ("action", "1"),
        ("action", "2"),
    ]
    assert all(0 < float(p50) <= float(p99) <= float(longest) for _, _, p50, p99, longest in rows)
