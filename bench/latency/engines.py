"""The contenders that a bundle brings: our engine in every precision, and ONNX Runtime as one would use it without us."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import onnxruntime
from numpy.typing import NDArray

from bench.latency.contender import Contender
from bench.latency.memory import memory_command
from interfaces.bundle_artefact import GraphFile, Precision
from interfaces.bundle_manifest import BundleManifest
from interfaces.engine import Engine, Tensors
from interfaces.graph_contract import files_of, specs_of
from runtime.policy.bundle import read_verified
from runtime.policy.onnx_engine import OnnxEngine

Way = Literal["forerun", "plain", "plain-threads"]

_ort = cast("Any", onnxruntime)  # partly typed


def bundle_contenders(
    folder: Path, manifest: BundleManifest, graph: str, precisions: Sequence[Precision], threads: int
) -> list[Contender]:
    """Return who runs one graph of a bundle, fp32 first where it is asked for; raises BundleError where a file is not whole."""
    ordered = sorted(precisions, key=lambda precision: precision != "fp32")
    return [
        Contender(
            graph=graph,
            name=_name(way, threads),
            precision=precision,
            run=open_contender(way, folder, manifest, precision, graph, threads),
            file_bytes=sum((folder / each.file).stat().st_size for each in _file(manifest, precision, graph).files),
            memory_command=memory_command(way, folder, precision, graph, threads),
        )
        for precision in ordered
        for way in _ways(precision)
    ]


def open_graph(folder: Path, manifest: BundleManifest, precision: Precision, graph: str, threads: int) -> Engine:
    """Return our engine for one graph of a bundle; raises BundleError where a file is not what its hash says."""
    file = _file(manifest, precision, graph)
    data = read_verified(folder, file.file, file.sha256)
    return OnnxEngine(folder / file.file if file.weights else data, file.file, specs_of(manifest)[graph], threads)


def open_contender(
    way: Way, folder: Path, manifest: BundleManifest, precision: Precision, graph: str, threads: int
) -> Callable[[Tensors], NDArray[Any]]:
    """Return what runs one graph in one way; raises BundleError where a file is not what its hash says."""
    output = specs_of(manifest)[graph].outputs[0].name
    if way == "forerun":
        engine = open_graph(folder, manifest, precision, graph, threads)
        return lambda row: engine.run(row)[output]
    options = _ort.SessionOptions()
    options.log_severity_level = 3  # errors
    if way == "plain-threads":
        options.intra_op_num_threads = threads
    path = folder / _file(manifest, precision, graph).file
    session = _ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda row: session.run([output], dict(row))[0]


def _ways(precision: Precision) -> tuple[Way, ...]:
    # With as many threads as ours, once: it tells what the threads make of the difference.
    return ("forerun", "plain", "plain-threads") if precision == "fp32" else ("forerun", "plain")


def _name(way: Way, threads: int) -> str:
    names = {
        "forerun": "forerun",
        "plain": "ONNX Runtime, as it comes",  # on all cores
        "plain-threads": f"ONNX Runtime, threads {threads}",
    }
    return names[way]


def _file(manifest: BundleManifest, precision: Precision, graph: str) -> GraphFile:
    return files_of(manifest.artefact(precision))[graph]
