"""The grid of a study as one picture: heads by steps of decoding, a column of panels a chunk length, a row of panels a group of tasks."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.study.rates import Rate
from bench.study.trials import Trial
from interfaces.durable import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DPI, _CELL_IN, _ROW_IN = 130, 0.85, 0.48
_DARK_RATIO = 0.55  # above this success, text is dark: the map is light there


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What stands where."""

    heads: tuple[str, ...]  # rows of a panel
    steps: tuple[int, ...]  # columns of a panel
    horizons: tuple[int, ...]  # columns of panels
    groups: dict[str, tuple[str, ...]]  # rows of panels: tasks by what is said of them
    arm: Callable[[int, str, int], str | None]  # the arm of horizon, head and steps; None where the grid has none


def pooled(trials: Sequence[Trial], arm: str | None, tasks: Sequence[str]) -> Rate:
    """Return the success of an arm in some tasks, all training seeds and scenes."""
    chosen = [trial for trial in trials if trial.arm == arm and trial.task in tasks]
    return Rate(successes=sum(trial.success_s is not None for trial in chosen), trials=len(chosen))


def write_heat_map(path: Path, trials: Sequence[Trial], layout: Layout) -> None:
    """Write a PNG: success in %, and its 95 % interval, in each place that has been tried. Raises OSError."""
    from matplotlib.figure import Figure  # without pyplot: no window system, nothing global

    n_rows, n_columns = len(layout.groups), len(layout.horizons)
    width_in = 1.6 + n_columns * (0.4 + _CELL_IN * len(layout.steps))
    height_in = 0.6 + n_rows * (0.7 + _ROW_IN * len(layout.heads))
    figure: Any = Figure(figsize=(width_in, height_in), layout="constrained")
    drawn = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False)
    for row, (group, tasks) in zip(drawn, layout.groups.items(), strict=True):
        for axes, horizon in zip(row, layout.horizons, strict=True):
            _draw(axes, trials, layout, horizon, tasks)
            axes.set_title(f"{group}, chunks of {horizon}", fontsize="small")
    figure.supxlabel(
        "steps of decoding; success in %, pooled over training seeds, with 95 % interval", fontsize="small"
    )
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    write_whole(path, buffer.getvalue())


def _draw(axes: Axes, trials: Sequence[Trial], layout: Layout, horizon: int, tasks: Sequence[str]) -> None:
    rates = [
        [pooled(trials, layout.arm(horizon, head, steps), tasks) for steps in layout.steps] for head in layout.heads
    ]
    shown = [[100.0 * rate.ratio for rate in row] for row in rates]  # NaN, so white, where nothing was tried
    axes.imshow(shown, vmin=0.0, vmax=100.0, cmap="viridis", aspect="auto")
    for y, row in enumerate(rates):
        for x, rate in enumerate(row):
            if rate.trials:
                low, high = rate.interval
                colour = "black" if rate.ratio > _DARK_RATIO else "white"
                text = f"{100 * rate.ratio:.0f}\n{100 * low:.0f}-{100 * high:.0f}"
                axes.text(x, y, text, ha="center", va="center", fontsize=7, color=colour)
    axes.set_xticks(range(len(layout.steps)), [str(steps) for steps in layout.steps])
    axes.set_yticks(range(len(layout.heads)), list(layout.heads))
