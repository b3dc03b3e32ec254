"""Latencies as a picture: one panel a graph; shortest, median, 99th percentile and longest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.latency.round_robin import Measured

_COLOURS = {"forerun": "#0b6e4f", "ONNX Runtime": "#3d5a80", "torch": "#c8553d", "TensorRT": "#7a5195"}


def draw_latencies(title: str, measured: Sequence[Measured], file: Path) -> None:
    """Write the picture to `file`."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    graphs = list(dict.fromkeys(each.contender.graph for each in measured))
    by_graph = [[each for each in measured if each.contender.graph == graph] for graph in graphs]
    figure, axes = pyplot.subplots(
        len(graphs),
        1,
        figsize=(10.5, 1.6 + 0.36 * len(measured) + 0.7 * len(graphs)),
        squeeze=False,
        height_ratios=[len(mine) + 1 for mine in by_graph],
        layout="constrained",
    )
    for panel, mine in zip(axes[:, 0], by_graph, strict=True):
        _panel(panel, mine)
    figure.suptitle(title, fontsize=10)
    figure.savefig(file, dpi=120)
    pyplot.close(figure)


def _panel(axes: Any, measured: Sequence[Measured]) -> None:
    from matplotlib.ticker import LogLocator

    first = measured[0]
    for place, each in enumerate(measured):
        colour = next((c for name, c in _COLOURS.items() if each.contender.name.startswith(name)), "#6b7280")
        axes.plot(
            (each.p50_ms, each.p99_ms), (place, place), color=colour, linewidth=5, alpha=0.35, solid_capstyle="butt"
        )
        axes.plot((each.min_ms, each.p50_ms), (place, place), color=colour, linewidth=1.5)
        axes.plot((each.p50_ms,), (place,), "o", color=colour, markersize=7)
        axes.plot((each.max_ms,), (place,), "|", color=colour, markersize=9, markeredgewidth=2, alpha=0.7)
        speed = "" if each is first else f", {each.speed_against(first)[0]:.2f}x"
        axes.annotate(
            f"{each.p50_ms:.3g} ms{speed}", (each.p50_ms, place), xytext=(0, 7), textcoords="offset points", ha="center",
            fontsize=7.5, color=colour,
        )  # fmt: skip
    axes.set_xscale("log")
    shortest, longest = min(each.min_ms for each in measured), max(each.max_ms for each in measured)
    axes.set_xlim(shortest / 1.5, longest * 1.3)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(LogLocator(subs=(2.0, 5.0)))
    axes.xaxis.set_minor_formatter("{x:g}")
    axes.tick_params(axis="x", which="both", labelsize=8)
    axes.set_yticks(
        range(len(measured)), [f"{each.contender.precision}  {each.contender.name}" for each in measured], fontsize=8.5
    )
    axes.set_ylim(len(measured) - 0.4, -0.8)
    axes.set_xlabel(
        f"{measured[0].contender.graph}: ms, line from the shortest, dot median, bar to the 99th percentile, mark longest",
        fontsize=8.5,
    )
    axes.grid(visible=True, axis="x", which="both", alpha=0.2)
    axes.spines[["top", "right"]].set_visible(False)
