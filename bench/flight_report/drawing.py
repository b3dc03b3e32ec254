"""What every plot on the page shares: SVG for light and dark pages, thinned so that hours stay small."""

from __future__ import annotations

import io
import re
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType
from numpy.typing import NDArray

from bench.flight_report.series import Column

COLOURS = ("#3b82c4", "#e0662f", "#3d9a50", "#b8509c", "#8a6bd1", "#b8912c")  # told apart on white and on black
_INK = "#7d8590"  # text and axes: readable on both
_POINTS_MAX = 1500  # of one line: more than a page is wide
_GAP_S, _GAP_STEPS = 0.2, 5.0  # longer than both without a point is a gap
_WIDTH_IN = 9.0
_STYLE: dict[RcKeyType, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "forerun",  # the same record gives the same page
    "font.family": "sans-serif",
    "font.size": 9.0,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": _INK,
    "grid.alpha": 0.2,
    "lines.linewidth": 1.0,
}


def panels(count: int, height_in: float, *, share_x: bool = True) -> tuple[Figure, list[Axes]]:
    """Return a figure of `count` plots, one below the other, each `height_in` high."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH_IN, height_in * count), layout="constrained")
        axes = figure.subplots(count, 1, sharex=share_x, squeeze=False)
    return figure, [axes[row, 0] for row in range(count)]


def legend(axes: Axes, columns: int = 3) -> None:
    """Name the lines above the plot, where they hide nothing; say so where there is none."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=columns, fontsize=8, frameon=False, labelcolor=_INK
        )
    else:
        axes.text(0.5, 0.5, "nothing recorded", transform=axes.transAxes, ha="center", color=_INK)


def svg(figure: Figure) -> str:
    """Return the figure as an SVG element that takes the page's width."""
    text = io.StringIO()
    with mpl.rc_context(_STYLE):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    element = text.getvalue()
    element = element[element.index("<svg") :]
    return re.sub(
        r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", element, count=1), count=1
    )


def parted(t_s: Column, values: Column) -> tuple[Column, Column]:
    """Return a line that is broken where nothing was recorded for long: no line may be drawn across a gap."""
    steps_s = np.diff(t_s)
    known_s = steps_s[np.isfinite(steps_s)]
    if len(known_s) == 0:
        return t_s, values
    after = np.flatnonzero(steps_s > max(_GAP_S, _GAP_STEPS * float(np.median(known_s)))) + 1
    return np.insert(t_s, after, t_s[after]), np.insert(values, after, np.nan)


def thinned(t_s: Column, values: Column) -> tuple[Column, Column]:
    """Return a line with the same outline: of every stretch the lowest and the highest point; NaN where a stretch has none."""
    if len(t_s) <= _POINTS_MAX:
        return t_s, values
    indices = np.unique(np.concatenate([_outline(part, values) for part in _parts(len(t_s))]))
    return t_s[indices], values[indices]


def _parts(count: int) -> list[NDArray[np.intp]]:
    return np.array_split(np.arange(count), _POINTS_MAX // 2)


def _outline(part: NDArray[np.intp], values: Column) -> NDArray[np.intp]:
    known = part[np.isfinite(values[part])]
    if len(known) == 0:
        return part[:1]
    return np.array([known[int(values[known].argmin())], known[int(values[known].argmax())]])
