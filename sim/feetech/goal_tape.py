"""What emulated servos were told to do, as they saw it: instants and goals, so that nobody's own log need be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

Goals = NDArray[np.void]  # (write,) of the layout below


def goals_layout(n_servos: int) -> np.dtype[np.void]:
    """Return the fields of one write of goals."""
    return np.dtype([("t_ns", "<i8"), ("goal_ticks", "<u2", (n_servos,))])


class GoalTape:
    """Every write of goals to all servos at once, in order."""

    def __init__(self, n_servos: int) -> None:
        self._layout = goals_layout(n_servos)
        self._goals: list[tuple[int, list[int]]] = []

    def put(self, t_ns: int, goal_ticks: Sequence[int]) -> None:
        """Note goals, (servo,), whose last bit was on the wire at `t_ns`."""
        self._goals.append((t_ns, list(goal_ticks)))

    def save(self, path: Path) -> None:
        """Write what was noted so far to `path`."""
        goals: Goals = np.array(self._goals, self._layout)
        np.save(path, goals, allow_pickle=False)


def load_goals(path: Path) -> Goals:
    """Return what was written to `path`."""
    return cast("Goals", np.load(path, allow_pickle=False))
