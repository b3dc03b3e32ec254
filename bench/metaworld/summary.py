"""What is said below the table: success over all tasks, and how old the pictures were that the hand followed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.closed_loop.intervals import wilson
from bench.closed_loop.lockstep import Outcome


def summary(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the lines; every task counts the same in the mean, and the interval is that of all episodes."""
    by_task: dict[str, list[bool]] = {}
    for outcome in outcomes:
        by_task.setdefault(outcome.task, []).append(outcome.success_s is not None)
    n_done, n_all = sum(map(sum, by_task.values())), sum(map(len, by_task.values()))
    low, high = wilson(n_done, n_all)
    mean = 100.0 * float(np.mean([np.mean(done) for done in by_task.values()]))
    lines = [
        f"mean over {len(by_task)} tasks: {mean:.1f} %, {n_done}/{n_all}, 95 % interval {100 * low:.0f}-{100 * high:.0f} %"
    ]
    ages = [age for outcome in outcomes for age in outcome.frame_age_ms]
    if ages:
        lines.append(f"frame-to-target age: p50 {np.median(ages):.0f} ms, max {max(ages):.0f} ms")
    return lines
