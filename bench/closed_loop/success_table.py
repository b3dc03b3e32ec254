"""Success per task as a table, with the interval and the failed seeds, so that anybody can look at one again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from rich.table import Table

from bench.closed_loop.intervals import wilson


class Episode(Protocol):
    """What the table needs to know of an episode."""

    @property
    def task(self) -> str:
        """Return the task's name."""
        ...

    @property
    def seed(self) -> int:
        """Return the seed that the scene was drawn with."""
        ...

    @property
    def success_s(self) -> float | None:
        """Return the time until success, or None where there was none."""
        ...


def success_table(title: str, episodes: Sequence[Episode]) -> Table:
    """Return a table with one row a task."""
    table = Table("task", "success", "95 % interval", "median time", "failed seeds", title=title, title_justify="left")
    for task in dict.fromkeys(episode.task for episode in episodes):
        mine = [episode for episode in episodes if episode.task == task]
        times_s = [episode.success_s for episode in mine if episode.success_s is not None]
        low, high = wilson(len(times_s), len(mine))
        failed = sorted(episode.seed for episode in mine if episode.success_s is None)
        table.add_row(
            task,
            f"{len(times_s)}/{len(mine)}  {100 * len(times_s) / len(mine):.1f} %",
            f"{100 * low:.0f}-{100 * high:.0f} %",
            f"{np.median(times_s):.2f} s" if times_s else "-",
            " ".join(map(str, failed[:12])) + (" ..." if len(failed) > 12 else ""),
        )
    return table
