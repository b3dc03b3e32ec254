"""Running ONNX graphs sample by sample on ONNX Runtime, to see what a variant of a graph computes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import ModelProto

from export.quantise.graph_files import ONE_PIECE_MAX_BYTES, weights_bytes, write_graph
from export.quantise.true_rounding import with_true_rounding
from interfaces.errors import BundleError
from interfaces.sample_file import Samples

_ort = cast("Any", onnxruntime)  # partly typed: its untyped surface ends in this file
# ONNX Runtime's errors have no common parent, and no public home.
_ERRORS: tuple[type[Exception], ...] = tuple(
    value
    for value in vars(import_module("onnxruntime.capi.onnxruntime_pybind11_state")).values()
    if isinstance(value, type) and issubclass(value, Exception)
)


class GraphRun:
    """One ONNX graph with static shapes on ONNX Runtime's CPU provider."""

    def __init__(self, model: ModelProto, *, threads: int = 1, integer_kernels: bool = True) -> None:
        """Open the graph; `integer_kernels` off computes Q/DQ as it is written: rounded, clipped, and multiplied in float32.

        Raises BundleError when ONNX Runtime cannot open it.
        """
        self.name: str = model.graph.name
        constants = {tensor.name for tensor in model.graph.initializer}
        self.inputs = tuple(value.name for value in model.graph.input if value.name not in constants)
        self.outputs = tuple(value.name for value in model.graph.output)
        self._session = _open(model, threads, integer_kernels=integer_kernels)

    def count(self, samples: Mapping[str, NDArray[Any]]) -> int:
        """Return the number of samples; raises BundleError naming an input that they lack, or when there are none."""
        missing = [name for name in self.inputs if name not in samples]
        if missing:
            raise BundleError(
                f"graph {self.name}: the samples hold no {', '.join(missing)}; expected {', '.join(self.inputs)}"
            )
        number = len(samples[self.inputs[0]])
        if number == 0:
            raise BundleError(f"graph {self.name}: there are no samples; expected one or more")
        return number

    def rows(self, samples: Mapping[str, NDArray[Any]]) -> Iterator[tuple[NDArray[Any], ...]]:
        """Yield the outputs for one sample after the other, in the order of `outputs`; raises BundleError as `count` does."""
        for index in range(self.count(samples)):
            given = {name: samples[name][index, ...] for name in self.inputs}
            yield tuple(np.asarray(value) for value in self._session.run(None, given))

    def run(self, samples: Mapping[str, NDArray[Any]]) -> Samples:
        """Return every output for all samples, (sample, ...)."""
        rows = list(self.rows(samples))
        return {name: np.stack([row[index] for row in rows]) for index, name in enumerate(self.outputs)}


def _open(model: ModelProto, threads: int, *, integer_kernels: bool) -> Any:
    options = _ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # In the order of the graph: else ONNX Runtime may put off what only an output needs, and keep all that it needs until then.
    options.execution_order = _ort.ExecutionOrder.PRIORITY_BASED
    options.log_severity_level = 3  # errors
    options.add_session_config_entry("session.disable_quant_qdq", "0" if integer_kernels else "1")
    # A spinning worker would hold a core that other work of the export waits for.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    model = with_true_rounding(model)
    try:
        if weights_bytes(model) <= ONE_PIECE_MAX_BYTES:
            return _ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return _open_large(model, options)
    except _ERRORS as error:
        raise BundleError(f"graph {model.graph.name}: ONNX Runtime cannot open it: {error}") from error


def _open_large(model: ModelProto, options: Any) -> Any:
    copy = ModelProto()
    copy.CopyFrom(model)  # writing takes the weights out of what is written
    with tempfile.TemporaryDirectory(prefix="forerun-graph-") as folder:
        path = Path(folder) / "graph.onnx"
        write_graph(copy, path)
        del copy
        return _ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
