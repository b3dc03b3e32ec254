"""What is counted: one graph file, or every graph of a bundle in every precision."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from export.roofline.boards import PRECISIONS
from export.roofline.count import Assumed, Layer, count
from export.roofline.report import Counted
from export.roofline.tensors import read_graph
from interfaces.bundle_manifest import load_manifest
from interfaces.errors import BundleError
from interfaces.graph_contract import GRAPHS, files_of


def count_path(path: Path, precisions: Sequence[str] | None, assumed: Sequence[Assumed]) -> list[Counted]:
    """Return the counts of a graph file or a bundle's folder, and of its fp32 graphs as if they were `assumed`.

    The layout for a processor's integer kernels is left out where it is not asked for: no such board runs it.
    Raises BundleError and ConfigError where something cannot be read or counted, or is not there.
    """
    if not path.is_dir():
        return _count_file(path, path.name.partition(".")[0], None, assumed)
    manifest = load_manifest(path)
    wanted = precisions or [each.precision for each in manifest.artefacts if each.precision != "cpu-int8"]
    artefacts = [each for each in manifest.artefacts if each.precision in wanted]
    if not artefacts:
        has = ", ".join(each.precision for each in manifest.artefacts)
        raise BundleError(f"bundle {manifest.name} has no {' and no '.join(wanted)} artefact, only {has}")
    counted: list[Counted] = []
    for graph in GRAPHS:
        for artefact in artefacts:
            file = files_of(artefact)[graph].file
            guesses = assumed if artefact.precision == "fp32" else ()
            counted += _count_file(path / file, graph, artefact.precision, guesses)
    return counted


def _count_file(file: Path, graph: str, precision: str | None, assumed: Sequence[Assumed]) -> list[Counted]:
    read = read_graph(file)
    layers = count(read)
    return [
        Counted(graph=graph, precision=precision or _most_of(layers), layers=layers),
        *(Counted(graph=graph, precision=f"{each}, assumed", layers=count(read, each)) for each in assumed),
    ]


def _most_of(layers: Sequence[Layer]) -> str:
    """Return the precision of most of the products."""
    macs = dict.fromkeys(PRECISIONS, 0)
    for layer in layers:
        macs[layer.precision] += layer.macs
    return max(macs, key=macs.__getitem__)
