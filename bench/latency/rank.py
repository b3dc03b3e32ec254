"""Which artefact of a bundle this processor runs fastest: the order in which a bundle offers them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.latency.engines import bundle_contenders, open_graph
from bench.latency.inputs import rows_by_graph
from bench.latency.round_robin import measure
from interfaces.bundle_artefact import Precision
from interfaces.bundle_manifest import load_manifest
from interfaces.graph_contract import ACTION_GRAPH, FORESIGHT_GRAPH, GRAPHS

OURS = "forerun"
_RUNS = 60
_ACTIONS_PER_FORESIGHT = 2  # as the robot files that come along have it


def fastest_first(folder: Path, precisions: Sequence[Precision]) -> list[Precision]:
    """Return the precisions in the order of what a foresight and the actions on it take at least, measured in turns on one thread."""
    manifest = load_manifest(folder)
    rows = rows_by_graph(folder, manifest, open_graph(folder, manifest, "fp32", FORESIGHT_GRAPH, 1))
    taken_ms = dict.fromkeys(precisions, 0.0)
    for graph in GRAPHS:
        contenders = [one for one in bundle_contenders(folder, manifest, graph, precisions, 1) if one.name == OURS]
        times = _ACTIONS_PER_FORESIGHT if graph == ACTION_GRAPH else 1
        for precision, measured in zip(
            sorted(precisions, key=lambda each: each != "fp32"), measure(contenders, rows[graph], _RUNS), strict=True
        ):
            taken_ms[precision] += times * measured.min_ms
    return sorted(precisions, key=taken_ms.__getitem__)
