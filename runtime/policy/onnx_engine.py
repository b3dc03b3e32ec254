"""ONNX Runtime on the processor, as an Engine: buffers bound once, no allocation and no spinning in a run."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from interfaces.bundle_manifest import GraphSpec, TensorSpec
from interfaces.engine import Tensors
from interfaces.errors import BundleError, DeviceError
from runtime.policy.true_tensors import require_tensors

_ort = cast("Any", onnxruntime)  # partly typed: its untyped surface ends in this file
# ONNX Runtime's errors have no common parent, and no public home.
_ERRORS: tuple[type[Exception], ...] = tuple(
    value
    for value in vars(import_module("onnxruntime.capi.onnxruntime_pybind11_state")).values()
    if isinstance(value, type) and issubclass(value, Exception)
)
_NUMPY_NAMES = {"tensor(float)": "float32", "tensor(double)": "float64"}  # the others agree, in brackets: tensor(uint8)


class OnnxEngine:
    """An ONNX graph on ONNX Runtime's CPU provider.

    The graph comes as its bytes, or as the path of one whose weights lie in a file beside it; `name` is for messages.
    """

    def __init__(self, graph: bytes | Path, name: str, spec: GraphSpec, threads: int) -> None:
        self._name, self._spec = name, spec
        self._session = _open_session(graph, name, threads)
        _check_tensors(f"{name} input", spec.inputs, self._session.get_inputs())
        _check_tensors(f"{name} output", spec.outputs, self._session.get_outputs())
        self._inputs = {tensor.name: _buffer(tensor) for tensor in spec.inputs}
        self._outputs = {tensor.name: _buffer(tensor) for tensor in spec.outputs}
        self._binding = self._session.io_binding()
        for tensor, array in self._inputs.items():
            self._binding.bind_input(tensor, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
        for tensor, array in self._outputs.items():
            self._binding.bind_output(tensor, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)

    @property
    def spec(self) -> GraphSpec:
        """Return the tensors of the graph."""
        return self._spec

    def run(self, inputs: Tensors) -> Tensors:
        """Return the outputs for `inputs`, valid until the next run; raises DeviceError naming what does not fit."""
        for name, buffer in self._inputs.items():
            given = inputs.get(name)
            if given is None or given.shape != buffer.shape or given.dtype != buffer.dtype:
                has = "missing" if given is None else f"{given.dtype} {given.shape}"
                raise DeviceError(f"{self._name}: input {name} is {has}; the graph wants {buffer.dtype} {buffer.shape}")
            np.copyto(buffer, given)
        try:
            self._session.run_with_iobinding(self._binding)
        except _ERRORS as error:
            raise DeviceError(f"{self._name}: ONNX Runtime: {error}") from error
        return self._outputs


def _open_session(graph: bytes | Path, name: str, threads: int) -> Any:
    options = _ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = _ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3  # errors
    # A spinning worker holds its core between runs: on a small machine that is the core of the command loop.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    try:
        return _ort.InferenceSession(
            graph if isinstance(graph, bytes) else str(graph), options, providers=["CPUExecutionProvider"]
        )
    except _ERRORS as error:
        raise BundleError(f"{name}: ONNX Runtime cannot open it: {error}") from error


def _check_tensors(what: str, wanted: tuple[TensorSpec, ...], found: list[Any]) -> None:
    has = {node.name: (_NUMPY_NAMES.get(str(node.type), str(node.type)[7:-1]), tuple(node.shape)) for node in found}
    require_tensors(what, "graph", has, wanted)


def _buffer(tensor: TensorSpec) -> NDArray[Any]:
    return np.zeros(tensor.shape, np.dtype(tensor.dtype))
