"""The roofline as a picture: the boards' ceilings with every layer as a dot, and which kind of layer the floor is made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from export.roofline.boards import BOARDS, Board
from export.roofline.floor import Floor, LayerFloor, floor_of
from export.roofline.report import Counted

_COLOURS = {"fp32": "#6b7280", "fp16": "#2f6db3", "int8": "#d1622b"}  # a layer's precision
_KINDS = {"conv": "#2f6db3", "linear": "#3f9a6b", "attention": "#b8509c", "norm": "#c9a227", "other": "#9aa1ab"}
_LEFT, _RIGHT = 0.1, 30_000.0  # operations a byte
_WITHOUT_PRODUCTS, _FEWEST = 0.17, 0.3  # where layers without any stand, and where the others begin


def draw_roofline(counted: Sequence[Counted], board: Board, file: Path) -> None:
    """Write the picture of some graphs on a board, in its fastest power mode, to `file`: one column a graph."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    graphs = list(dict.fromkeys(each.graph for each in counted))
    rows = max(sum(each.graph == graph for each in counted) for graph in graphs)
    figure, axes = pyplot.subplots(
        2,
        len(graphs),
        figsize=(8.2 * len(graphs), 6.4 + 0.5 * rows),
        squeeze=False,
        height_ratios=(4.6, 0.9 + 0.5 * rows),
        layout="constrained",
    )
    for column, graph in enumerate(graphs):
        floors = {
            each.precision: floor_of(each.layers, board, board.modes[0]) for each in counted if each.graph == graph
        }
        _roof(axes[0, column], graph, board, floors)
        _bars(axes[1, column], floors)
    figure.savefig(file, dpi=120)
    pyplot.close(figure)


def _roof(axes: Any, graph: str, board: Board, floors: dict[str, Floor]) -> None:
    axes.set(xscale="log", yscale="log", xlim=(_LEFT, _RIGHT), ylim=(0.015, 150))
    others = [other for other in BOARDS.values() if other is not board]
    for other in others:
        _ceiling(axes, other, "int8", "#c3c8cf", 1.0)
    for precision, colour in _COLOURS.items():
        peak = _ceiling(axes, board, precision, colour, 1.8) / 1e12
        axes.annotate(
            f"{precision.upper()} {peak:.0f}", (_RIGHT, peak), xytext=(-4, 2), textcoords="offset points", ha="right",
            fontsize=8, color=colour,
        )  # fmt: skip
    peaks = "\n".join(f"{other.title}, {other.modes[0].peak_ops_s('int8') / 1e12:.0f}" for other in others)
    axes.text(_RIGHT / 1.15, 0.018, f"grey: INT8 of\n{peaks}", fontsize=8, color="#7d848e", ha="right")
    for floor in floors.values():
        _dots(axes, floor)
    axes.axvspan(_LEFT, _FEWEST, color="#eef0f2", zorder=0)
    axes.text(0.107, 0.2, "no products:\nnorms,\ncopies", fontsize=8, color="#6b7280")
    axes.set_title(
        f"{graph} on {board.title}, {board.modes[0].name}: area of a dot = share of layers of one size", fontsize=10
    )
    axes.set_xlabel("operations a byte (two a multiply-accumulate)")
    axes.set_ylabel("10$^{12}$ operations a second, at most")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.grid(visible=True, which="major", alpha=0.25)


def _ceiling(axes: Any, board: Board, precision: str, colour: str, width: float) -> float:
    """Draw the roof of a board in its fastest mode, and return the peak in operations a second."""
    peak, bandwidth = board.modes[0].peak_ops_s(precision), board.bandwidth_bytes_s(board.modes[0])
    heights = (_LEFT * bandwidth / 1e12, peak / 1e12, peak / 1e12)
    axes.plot((_LEFT, peak / bandwidth, _RIGHT), heights, color=colour, linewidth=width, zorder=1)
    return peak


def _dots(axes: Any, floor: Floor) -> None:
    for alike in floor.longest(len(floor.layers)):
        layer, share = alike.first.layer, alike.least_s / floor.least_s
        x, y = _WITHOUT_PRODUCTS, 0.05
        if layer.macs:
            x = min(max(2.0 * layer.macs / layer.moved_bytes, 1.1 * _FEWEST), _RIGHT)
            y = max(2.0 * layer.macs / alike.first.least_s / 1e12, 0.017)
        axes.scatter(
            (x,), (y,), s=6 + 1500 * share, color=_COLOURS[layer.precision], alpha=0.4, linewidths=0.6, edgecolors="white",
            zorder=2,
        )  # fmt: skip


def _bars(axes: Any, floors: dict[str, Floor]) -> None:
    """Draw a bar a precision: the floor by kind of layer, hatched where memory holds it."""
    labels: set[str] = set()
    for place, floor in enumerate(floors.values()):
        left = 0.0
        for kind, colour in _KINDS.items():
            for bound_by, hatch in (("compute", ""), ("memory", "////")):
                mine = [each for each in floor.layers if _kind(each) == kind and each.bound_by == bound_by]
                width = sum(each.least_s for each in mine) * 1e3
                if not width:
                    continue
                label = f"{kind}, held by {bound_by}"
                axes.barh(
                    place, width, left=left, color=colour, hatch=hatch, edgecolor="white", linewidth=0.6,
                    label="" if label in labels else label,
                )  # fmt: skip
                labels.add(label)
                left += width
        axes.text(left, place, f" {left:.3g} ms", va="center", fontsize=9)
    axes.set_yticks(range(len(floors)), list(floors))
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel("floor, ms")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=7.5, ncols=4, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.32))


def _kind(each: LayerFloor) -> str:
    return each.layer.kind if each.layer.kind in _KINDS else "other"
