"""The picture of a sensitivity search: which block costs how much, how much work it is, and what was decided."""

from __future__ import annotations

import io
from collections.abc import Sequence
from os.path import commonpath
from typing import Any

from export.gates.limits import ACTION_ERROR, Limits
from export.quantise.search import SearchResult
from export.sensitivity_rows import Decision, Row

# Blue and orange stand apart for every kind of colour blindness; what no search decided is grey.
_COLOURS: dict[Decision, str] = {
    "INT8": "#1f77b4",
    "kept by search": "#e6550d",
    "kept by default": "#b8b8b8",
    "pinned": "#6a6a6a",
}
_TOGETHER = "#2f2f2f"
_GATE = "#c00000"
_LEAST_PERCENT = 1e-3  # a logarithmic axis has no zero
_LABEL_MAX = 58  # letters


def picture_of(title: str, rows: Sequence[Row], result: SearchResult, limits: Limits) -> bytes:
    """Return the picture as PNG: a bar for each unit, as long as the action error that it causes alone, and its share of the work."""
    from matplotlib.figure import Figure  # without pyplot: no window system, nothing global

    figure: Any = Figure(figsize=(11.5, 2.2 + 0.26 * (len(rows) + 2)), layout="constrained")
    error, work = figure.subplots(1, 2, sharey=True, width_ratios=(5, 1))
    names = _labels(rows)
    whole = next(gate.measured for gate in result.before if gate.name == ACTION_ERROR)
    bars = [
        ("all that the default policy allows, together", 100 * whole, _TOGETHER, "before the search"),
        (
            "what is shipped, together",
            100 * result.figures.action_error.value,
            _TOGETHER,
            result.figures.action_error.where,
        ),
        *((name, *_bar(row)) for name, row in zip(names, rows, strict=True)),
    ]
    _draw_errors(error, bars)
    _draw_gate(error, 100 * limits.action_error_max_ratio, rows)
    _draw_work(work, rows, result)
    frames = rows[0].figures.frames if rows else 0
    error.set_xlabel(f"largest action error in INT8 over {frames} held-out frames, % of the joint's range", fontsize=9)
    figure.suptitle(f"{title}, {result.layout}: {_outcome(result)}", x=0.01, ha="left", fontsize=11)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110, metadata={"Software": None})
    return file.getvalue()


def _bar(row: Row) -> tuple[float, str, str]:
    return 100 * row.worst.error_ratio, _COLOURS[row.decision], f"frame {row.worst.frame}, joint {row.worst.joint}"


def _draw_errors(axis: Any, bars: Sequence[tuple[str, float, str, str]]) -> None:
    places = _places(len(bars))
    lengths = [max(percent, _LEAST_PERCENT) for _, percent, _, _ in bars]
    axis.barh(places, lengths, color=[colour for _, _, colour, _ in bars], height=0.72, zorder=2)
    axis.set_yticks(places, [name for name, _, _, _ in bars], fontsize=8)
    axis.tick_params(axis="y", length=0)
    axis.set_ylim(places[-1] + 0.6, places[0] - 0.6)
    axis.set_xscale("log")
    axis.set_xlim(min(lengths) / 1.6, max(lengths) * 6)
    axis.xaxis.set_major_locator(_ticks(max(lengths) / min(lengths)))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.grid(visible=True, axis="x", which="major", color="0.92", zorder=0)
    axis.spines[["top", "right"]].set_visible(False)
    paper = {"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85}
    for place, length, (_, percent, _, where) in zip(places, lengths, bars, strict=True):
        text = f"{percent:.3g} %   {where}"
        axis.annotate(
            text,
            (length, place),
            (5, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
            color="0.25",
            bbox=paper,
            zorder=4,
        )


def _places(number: int) -> list[float]:
    """Return where the bars stand: the first two, of everything together, apart from the others."""
    return [float(index) if index < 2 else index + 0.5 for index in range(number)]


def _ticks(span: float) -> Any:
    from matplotlib.ticker import LogLocator

    return LogLocator(subs=(1.0, 2.0, 5.0) if span < 1000 else (1.0,), numticks=20)


def _draw_gate(axis: Any, percent: float, rows: Sequence[Row]) -> None:
    from matplotlib.patches import Patch

    line = axis.axvline(percent, color=_GATE, lw=1.3, zorder=2.5, label=f"gate, for all together: {percent:g} %")
    there = {row.decision for row in rows}
    shown = [Patch(color=colour, label=decision) for decision, colour in _COLOURS.items() if decision in there]
    alone = [Patch(color=_TOGETHER, label="several at once")]
    axis.legend(handles=[*alone, *shown, line], loc="lower right", fontsize=8, framealpha=1.0)


def _draw_work(axis: Any, rows: Sequence[Row], result: SearchResult) -> None:
    default = sum(row.macs_ratio for row in rows if row.unit.kept_by is None)
    shares = [100 * default, 100 * result.int8_ratio, *(100 * row.macs_ratio for row in rows)]
    colours = [_TOGETHER, _TOGETHER, *(_COLOURS[row.decision] for row in rows)]
    places = _places(len(shares))
    axis.barh(places, shares, color=colours, height=0.72)
    axis.set_xlim(0, max(shares, default=1.0) * 1.45)
    axis.set_xlabel("share of the work, %", fontsize=9)
    axis.tick_params(axis="y", length=0)
    axis.spines[["top", "right"]].set_visible(False)
    for place, share in zip(places, shares, strict=True):
        axis.annotate(
            f"{share:.1f}" if share >= 0.05 else "< 0.1",
            (share, place),
            (3, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
            color="0.25",
        )


def _labels(rows: Sequence[Row]) -> list[str]:
    """Return short names: without the modules that all blocks of a graph lie in."""
    prefixes: dict[str, str] = {}
    for graph in {row.unit.graph for row in rows}:
        names = [row.unit.name for row in rows if row.unit.graph == graph and "." in row.unit.name]
        modules = commonpath([name.rpartition(".")[0].replace(".", "/") for name in names]) if names else ""
        prefixes[graph] = f"{modules.replace('/', '.')}." if modules else ""
    return [_label(row, prefixes[row.unit.graph]) for row in rows]


def _label(row: Row, prefix: str) -> str:
    name = row.unit.name.removeprefix(prefix)
    if len(name) > _LABEL_MAX:
        name = f"...{name[3 - _LABEL_MAX :]}"
    blocks = f" ({len(row.unit.blocks)} blocks)" if len(row.unit.blocks) > 1 else ""
    return f"{row.unit.graph}: {name}{blocks}"


def _outcome(result: SearchResult) -> str:
    figures = result.figures
    return (
        f"{'all gates met' if result.met else 'GATES NOT MET'} with {100 * result.int8_ratio:.0f} % of the work in INT8\n"
        f"action error {100 * figures.action_error.value:.2g} % ({figures.action_error.where}), "
        f"action cosine {figures.action_cosine.value:.4f} ({figures.action_cosine.where}), "
        f"foresight cosine {figures.foresight_cosine.value:.4f} ({figures.foresight_cosine.where})"
    )
