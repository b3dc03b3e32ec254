"""The roofline in words: what was counted, the floor by power mode, the rates it allows, and the layers that hold it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from export.roofline.boards import LAUNCH_US, REACHED_OF_BANDWIDTH, REACHED_OF_PEAK, Board
from export.roofline.count import PRODUCTS, Layer
from export.roofline.floor import Floor, floor_of

ASSUMPTIONS = (
    "Floor: every layer at the dense peak or the memory's nominal rate, whichever is longer. Element-wise operators run in the kernel"
    " before them, attention as one kernel, views cost nothing (export/roofline/fusion.py); every kernel reads and writes memory,"
    " also what might stay in the L2 cache.\n"
    f"Expected: {100 * REACHED_OF_PEAK['fp16'][0]:.0f}-{100 * REACHED_OF_PEAK['fp16'][1]:.0f} % of the FP16 peak,"
    f" {100 * REACHED_OF_PEAK['int8'][0]:.0f}-{100 * REACHED_OF_PEAK['int8'][1]:.0f} % of INT8's,"
    f" {100 * REACHED_OF_BANDWIDTH[0]:.0f}-{100 * REACHED_OF_BANDWIDTH[1]:.0f} % of the memory's rate (the last is assumed),"
    f" in one CUDA graph; without one, {LAUNCH_US[0]:.0f}-{LAUNCH_US[1]:.0f} us more a kernel. Below 0.2 ms the start and end"
    " of kernels, which no roofline knows of, are most of the time.\n"
    "Rate: from the slowest without a CUDA graph to the fastest in one, each graph alone on the GPU, which both share."
)
_TOP = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """One graph in one precision, counted."""

    graph: str
    precision: str
    layers: tuple[Layer, ...]

    def gmacs(self, precision: str) -> float:
        """Return the 10^9 multiply-accumulates in that precision."""
        return sum(layer.macs for layer in self.layers if layer.precision == precision) / 1e9


def count_table(title: str, counted: Sequence[Counted]) -> Table:
    """Return what was counted: one row a graph and precision."""
    table = Table(title=title, title_justify="left")
    for name in ("graph", "precision", "GMAC", *PRODUCTS, "in int8", "weights MB", "activations MB", "kernels"):
        table.add_column(name, justify="left" if name in {"graph", "precision"} else "right")
    for each in counted:
        total = sum(layer.macs for layer in each.layers)
        by_kind = [sum(layer.macs for layer in each.layers if layer.kind == kind) / 1e9 for kind in PRODUCTS]
        activations_bytes = sum(layer.read_bytes + layer.written_bytes for layer in each.layers)
        table.add_row(
            each.graph,
            each.precision,
            _figures(total / 1e9),
            *(_figures(gmacs) for gmacs in by_kind),
            f"{100 * each.gmacs('int8') / (total / 1e9):.0f} %" if total else "-",
            _figures(sum(layer.weights_bytes for layer in each.layers) / 1e6),
            _figures(activations_bytes / 1e6),
            str(len(each.layers)),
        )
    return table


def numbers_table(counted: Sequence[Counted]) -> Table:
    """Return the numbers that pass through what is no product, in millions."""
    table = Table(title="beside the products, million numbers", title_justify="left")
    for name in ("graph", "precision", "element-wise", "normalised", "softmax"):
        table.add_column(name, justify="left" if name in {"graph", "precision"} else "right")
    for each in counted:
        sums = (
            sum(layer.element_wise for layer in each.layers),
            sum(layer.normalised for layer in each.layers),
            sum(layer.softmaxed for layer in each.layers),
        )
        table.add_row(each.graph, each.precision, *(_figures(number / 1e6) for number in sums))
    return table


def floor_table(boards: Iterable[Board], counted: Sequence[Counted]) -> Table:
    """Return floor, expected range and rate of every graph and precision, in every power mode of the boards."""
    table = Table(title="floor and expected range", title_justify="left")
    for name in ("board", "mode", "graph", "precision"):
        table.add_column(name)
    for name in ("floor ms", "held by", "expected ms", "rate Hz", "no CUDA graph ms"):
        table.add_column(name, justify="right")
    for board in boards:
        for mode in board.modes:
            for each in counted:
                table.add_row(board.name, mode.name, *_floor_row(each, floor_of(each.layers, board, mode)))
            table.add_section()
    return table


def layer_table(counted: Counted, floor: Floor) -> Table:
    """Return the layers that take most of the floor, those of one size together."""
    title = f"{counted.graph} {counted.precision} on {floor.board.title}, {floor.mode.name}: what holds it"
    table = Table(title=title, title_justify="left")
    table.add_column("layers", justify="right")
    table.add_column("the first of them", overflow="fold")
    for name in ("kind", "precision"):
        table.add_column(name)
    for name in ("MMAC each", "MB each", "floor us each", "share", "bound by"):
        table.add_column(name, justify="right")
    for alike in floor.longest(_TOP):
        first = alike.first
        table.add_row(
            str(len(alike.layers)),
            first.layer.name,
            first.layer.kind,
            first.layer.precision,
            _figures(first.layer.macs / 1e6),
            _figures(first.layer.moved_bytes / 1e6),
            _figures(first.least_s * 1e6),
            f"{100 * alike.least_s / floor.least_s:.1f} %",
            first.bound_by,
        )
    return table


def as_json(boards: Iterable[Board], counted: Sequence[Counted]) -> dict[str, Any]:
    """Return the counts and floors for programs; times in ms."""
    floors = [
        (each, floor_of(each.layers, board, mode)) for board in boards for mode in board.modes for each in counted
    ]
    return {
        "counted": [
            {
                "graph": each.graph,
                "precision": each.precision,
                "macs": {kind: sum(layer.macs for layer in each.layers if layer.kind == kind) for kind in PRODUCTS},
                "weights_bytes": sum(layer.weights_bytes for layer in each.layers),
                "activation_bytes": sum(layer.read_bytes + layer.written_bytes for layer in each.layers),
                "kernels": len(each.layers),
            }
            for each in counted
        ],
        "floors": [
            {
                "board": floor.board.name,
                "mode": floor.mode.name,
                "graph": each.graph,
                "precision": each.precision,
                "floor_ms": floor.least_s * 1e3,
                "operations_ms": floor.compute_s * 1e3,
                "bytes_ms": floor.memory_s * 1e3,
                "expected_ms": [time_s * 1e3 for time_s in floor.expected_s],
                "launches_ms": [time_s * 1e3 for time_s in floor.launches_s],
            }
            for each, floor in floors
        ],
    }


def _floor_row(counted: Counted, floor: Floor) -> tuple[str, ...]:
    best_s, worst_s = floor.expected_s
    share = 100 * floor.compute_bound_share
    return (
        counted.graph,
        counted.precision,
        _figures(floor.least_s * 1e3),
        f"compute {share:.0f} %" if share >= 50 else f"memory {100 - share:.0f} %",
        f"{_figures(best_s * 1e3)} - {_figures(worst_s * 1e3)}",
        f"{_figures(1 / (worst_s + floor.launches_s[1]))} - {_figures(1 / best_s)}",
        f"{_figures((best_s + floor.launches_s[0]) * 1e3)} - {_figures((worst_s + floor.launches_s[1]) * 1e3)}",
    )


def _figures(value: float) -> str:
    """Return three figures, without powers of ten."""
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
