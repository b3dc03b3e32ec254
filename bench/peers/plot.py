"""The picture of a run: beat and age of every runtime, with and without load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.peers.contest import Stack, Trial
from bench.peers.report import Results
from bench.peers.trial import Figures

_COLOURS: dict[Stack, str] = {"forerun": "#0b6e4f", "lerobot": "#c8553d", "physicalai": "#3d5a80"}


def plot(results: Results, file: Path) -> None:
    """Draw medians as dots, with a line to the 99th percentile, and write the picture to `file`."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    loads = sorted({trial.loaded for trial in results})
    trials = list(dict.fromkeys(_unloaded(trial) for trial in results))
    figure, axes = pyplot.subplots(
        len(loads), 2, figsize=(13, 1.2 + 0.3 * len(trials) * len(loads)), sharey=True, squeeze=False
    )
    for panels, loaded in zip(axes, loads, strict=True):
        rows = {_unloaded(trial): figures for trial, figures in results.items() if trial.loaded is loaded}
        load = "all cores busy" if loaded else "no load"
        _panel(panels[0], trials, rows, f"period error, ms, median to p99 ({load})", beat=True)
        _panel(panels[1], trials, rows, f"age of the frame behind a command, ms, median to p99 ({load})", beat=False)
    axes[0, 0].invert_yaxis()  # shared by all
    figure.tight_layout()
    figure.savefig(file, dpi=110)
    pyplot.close(figure)


def _panel(axes: Any, trials: list[Trial], rows: dict[Trial, Figures], title: str, *, beat: bool) -> None:
    for place, trial in enumerate(trials):
        figures = rows.get(trial)
        if figures is not None:
            ends = (figures.beat.p50_ms, figures.beat.p99_ms) if beat else (figures.age.p50_ms, figures.age.p99_ms)
            colour = _COLOURS[trial.stack]
            axes.plot(ends, (place, place), color=colour, linewidth=3, alpha=0.6)
            axes.plot(ends[:1], (place,), "o", color=colour)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")
    if not beat:
        axes.set_xticks((50, 100, 200, 500, 1000))
    axes.set_yticks(range(len(trials)), [trial.name for trial in trials])
    axes.set_title(title, fontsize=10)
    axes.grid(visible=True, axis="x", which="both", alpha=0.3)


def _unloaded(trial: Trial) -> Trial:
    return Trial(trial.stack, trial.mode, trial.tuning, trial.rate_hz, loaded=False)
