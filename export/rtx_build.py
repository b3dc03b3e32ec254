"""Builds a graph with TensorRT-RTX on a processor, ahead of time, and reads from its log how the weights are stored.

Nothing here runs on a robot: TensorRT itself builds nothing without a GPU, its sibling for RTX cards does, so that it stands in for
it in tests, in the same code that builds engines on the robot (NVIDIA's licence: the extra `rtx`, for tests only). Its nearest
architecture to Orin's SM87 is SM86. It shows that a parser and a builder of NVIDIA's take a graph, and that INT8 weights stay INT8;
not that TensorRT 10.3 takes it, which is what export/tensorrt_rules is for, and nothing about speed.

Source: docs.nvidia.com/deeplearning/tensorrt-rtx, "CPU-only ahead-of-time compilation"; tried with 1.7.1.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, ValueInfoProto, helper

from export.engines.build_main import load_tensorrt
from export.engines.builder import BuildRequest, build_engine
from export.tensorrt_rules.graph_view import GraphView
from interfaces.bundle_manifest import GraphSpec, TensorSpec
from interfaces.engine_record import BuildSettings
from interfaces.errors import BundleError, DeviceError, RefusedError
from interfaces.progress import Progress, silent

CAPABILITY = "SM86"
_SETTINGS = BuildSettings(memory_mb=4096, optimisation_level=3, candidates=())


@dataclass(frozen=True, slots=True, kw_only=True)
class RtxBuild:
    """What a build took and gave; `peak_rss_bytes` is the peak of the whole process, in which other builds may have been."""

    layers: int  # of the network, before fusion
    weights_bytes: int  # in the engine: INT8 weights count one byte an element
    plan_bytes: int
    build_s: float
    peak_rss_bytes: int
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What the constants of a graph take in its file."""

    int8_elements: int  # of the weights that are quantised
    other_bytes: int  # all other constants of the graph, scales and biases too, zero points not

    def weights_bytes(self, bytes_an_element: float) -> float:
        """Return what an engine would hold if it kept the quantised weights in elements of this size."""
        return self.int8_elements * bytes_an_element + self.other_bytes

    def element_bytes(self, weights_bytes: int) -> float:
        """Return how many bytes an engine with weights of this size takes for an INT8 weight: about 1 where it stores INT8."""
        return (weights_bytes - self.other_bytes) / max(self.int8_elements, 1)


def load_rtx() -> Any:
    """Return the module that stands in for `tensorrt`; raises RefusedError, saying what to install, where it is not there."""
    try:
        return load_tensorrt("tensorrt_rtx_bindings")
    except DeviceError as error:
        raise RefusedError(f'TensorRT-RTX is not installed ({error}): pip install "forerun[rtx]"') from error


def build(graph: Path | bytes, progress: Progress = silent) -> RtxBuild:
    """Build a graph for SM86 and return what came of it; a graph above 2 GB by its path, its external data beside it.

    Raises RefusedError where TensorRT-RTX is not installed, and BundleError with its reasons when it does not take the graph.
    """
    trt = load_rtx()
    if isinstance(graph, Path):
        return _build(trt, graph, progress)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.onnx"
        path.write_bytes(graph)
        return _build(trt, path, progress)


def stored(model: ModelProto, folder: Path | None = None) -> Stored:
    """Return how many bytes the weights of a graph take in its file, those in INT8 apart."""
    view = GraphView(model, folder)
    zero_points = {node.input[2] for node in view.nodes if node.op_type.endswith("eLinear") and len(node.input) > 2}
    int8, other = 0, 0
    for name, tensor in view.constants.items():
        elements = int(np.prod(tensor.dims, dtype=np.int64))
        if tensor.data_type == TensorProto.INT8 and name not in zero_points:
            int8 += elements
        elif name not in zero_points:
            other += elements * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    return Stored(int8_elements=int8, other_bytes=other)


def _build(trt: Any, path: Path, progress: Progress) -> RtxBuild:
    model = onnx.load(path, load_external_data=False)
    external = any(tensor.data_location == TensorProto.EXTERNAL for tensor in model.graph.initializer)
    request = BuildRequest(
        name=path.name,
        graph=path,
        external=external,
        spec=GraphSpec(inputs=_specs(model.graph.input), outputs=_specs(model.graph.output)),
        settings=_SETTINGS,
        capability=CAPABILITY,
    )
    del model
    begun_ns = time.monotonic_ns()
    try:
        built = build_engine(trt, request, progress)
    except DeviceError as error:
        raise BundleError(f"TensorRT-RTX does not build it: {error}") from error
    return RtxBuild(
        layers=built.layers,
        weights_bytes=built.weights_bytes,
        plan_bytes=len(built.plan),
        build_s=(time.monotonic_ns() - begun_ns) / 1e9,
        peak_rss_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        warnings=built.warnings,
    )


def _specs(values: Iterable[ValueInfoProto]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(
            name=value.name,
            shape=tuple(side.dim_value for side in value.type.tensor_type.shape.dim),
            dtype=str(helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)),
        )
        for value in values
    )
