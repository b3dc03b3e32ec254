"""The results of a study as one picture: a panel a task, a row an arm, a dot a trained policy."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.study.rates import ALL_TASKS, by_training_seed, in_order, rate
from bench.study.trials import Trial
from interfaces.durable import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PANEL_IN, _ROW_IN, _MARGIN_IN = 1.9, 0.28, 1.1
_DPI = 130
_POOLED, _TRAINED = "#1f4e79", "#e08a1e"


def write_picture(path: Path, trials: Sequence[Trial]) -> None:
    """Write a PNG. Raises OSError."""
    from matplotlib.figure import Figure  # without pyplot: no window system, nothing global

    arms, tasks = in_order(trials)
    panels = (None, *tasks)
    size = (2.0 + _PANEL_IN * len(panels), _MARGIN_IN + _ROW_IN * len(arms))
    figure: Any = Figure(figsize=size, layout="constrained")
    drawn = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)
    for axes, task in zip(drawn[0], panels, strict=True):
        _draw(axes, trials, arms, task)
    drawn[0][0].set_yticks(range(len(arms)), arms)
    drawn[0][0].invert_yaxis()
    figure.supxlabel("success, %: pooled with 95 % interval (blue), each trained policy (orange)", fontsize="small")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    write_whole(path, buffer.getvalue())


def _draw(axes: Axes, trials: Sequence[Trial], arms: Sequence[str], task: str | None) -> None:
    for row, arm in enumerate(arms):
        pooled = rate(trials, arm, task)
        if not pooled.trials:
            continue
        low, high = pooled.interval
        axes.plot([100 * low, 100 * high], [row, row], color=_POOLED, linewidth=2, solid_capstyle="butt")
        axes.plot([100 * pooled.ratio], [row], "o", color=_POOLED, markersize=5)
        ratios = [100 * ratio for ratio in by_training_seed(trials, arm, task).values()]
        axes.plot(ratios, [row + 0.28] * len(ratios), ".", color=_TRAINED, markersize=5)
    axes.set_title(task or ALL_TASKS, fontsize="medium")
    axes.set_xlim(-3, 103)
    axes.grid(axis="x", color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
