"""How fast a counted graph can be on a board at best, and what it may be expected to be.

Roofline: Williams, Waterman and Patterson, "Roofline: an insightful visual performance model", 2009. A layer takes at least its
operations at the peak of their precision, or its bytes at the nominal rate of the memory, whichever is longer; layers follow one
another. Expected is what that becomes at the fractions of both that are really reached (export/roofline/boards.py), with all
kernels launched out of one CUDA graph; launched one by one each costs 5 to 10 us more. One published measurement was held against
it: SmolVLA's vision tower in FP16 on an Orin Nano, 91 ms where 59 to 106 ms are expected (tests/export/roofline/test_floor_published.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from export.roofline.boards import LAUNCH_US, REACHED_OF_BANDWIDTH, REACHED_OF_PEAK, Board, PowerMode
from export.roofline.count import Layer


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFloor:
    """The least that one layer takes."""

    layer: Layer
    compute_s: float
    memory_s: float

    @property
    def least_s(self) -> float:
        """Return the longer of both."""
        return max(self.compute_s, self.memory_s)

    @property
    def bound_by(self) -> str:
        """Return what holds the layer."""
        return "compute" if self.compute_s >= self.memory_s else "memory"


@dataclass(frozen=True, slots=True)
class Alike:
    """Layers of one kind and size."""

    layers: tuple[LayerFloor, ...]

    @property
    def first(self) -> LayerFloor:
        """Return the first of them."""
        return self.layers[0]

    @property
    def least_s(self) -> float:
        """Return the least that all of them take."""
        return sum(each.least_s for each in self.layers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """A graph on a board in one power mode."""

    board: Board
    mode: PowerMode
    layers: tuple[LayerFloor, ...]
    least_s: float  # the layers' floors one after another
    compute_s: float  # all operations at their peaks
    memory_s: float  # all bytes at the nominal rate
    expected_s: tuple[float, float]
    launches_s: tuple[float, float]  # on top, without a CUDA graph

    @property
    def compute_bound_share(self) -> float:
        """Return which part of the floor is of layers that are held by operations."""
        held = sum(each.least_s for each in self.layers if each.bound_by == "compute")
        return held / self.least_s if self.least_s else 0.0

    def longest(self, n: int) -> list[Alike]:
        """Return the `n` kinds of layers that take longest, layers of the same size taken together."""
        alike: dict[tuple[object, ...], list[LayerFloor]] = {}
        for each in self.layers:
            layer = each.layer
            alike.setdefault((layer.kind, layer.precision, layer.macs, layer.moved_bytes), []).append(each)
        return sorted((Alike(tuple(layers)) for layers in alike.values()), key=lambda each: -each.least_s)[:n]


def floor_of(layers: Sequence[Layer], board: Board, mode: PowerMode) -> Floor:
    """Return the floor and the expected range of a counted graph on a board in one of its power modes."""
    bandwidth_bytes_s = board.bandwidth_bytes_s(mode)
    floors = tuple(
        LayerFloor(
            layer=layer,
            compute_s=2.0 * layer.macs / mode.peak_ops_s(layer.precision),
            memory_s=layer.moved_bytes / bandwidth_bytes_s,
        )
        for layer in layers
    )
    return Floor(
        board=board,
        mode=mode,
        layers=floors,
        least_s=sum(each.least_s for each in floors),
        compute_s=sum(each.compute_s for each in floors),
        memory_s=sum(each.memory_s for each in floors),
        expected_s=(_expected_s(floors, best=True), _expected_s(floors, best=False)),
        launches_s=(len(floors) * LAUNCH_US[0] * 1e-6, len(floors) * LAUNCH_US[1] * 1e-6),
    )


def _expected_s(floors: Sequence[LayerFloor], *, best: bool) -> float:
    end = 1 if best else 0
    return sum(
        max(each.compute_s / REACHED_OF_PEAK[each.layer.precision][end], each.memory_s / REACHED_OF_BANDWIDTH[end])
        for each in floors
    )
