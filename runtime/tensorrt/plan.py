"""A plan, TensorRT's own file of a built network, opened: its tensors compared with the manifest before any memory is bound."""

from __future__ import annotations

import logging
from collections import deque
from functools import cache
from importlib import import_module
from typing import Any

from interfaces.bundle_manifest import GraphSpec, TensorSpec
from interfaces.errors import BundleError, DeviceError
from runtime.policy.true_tensors import require_tensors

_log = logging.getLogger(__name__)
_COMPLAINTS = 3  # the last ones
_NUMPY_NAMES = {
    "FLOAT": "float32", "HALF": "float16", "UINT8": "uint8", "INT8": "int8", "INT32": "int32", "INT64": "int64", "BOOL": "bool",
}  # fmt: skip


def import_tensorrt() -> Any:
    """Return the tensorrt module; raises DeviceError where it is missing or cannot be loaded.

    On a Jetson it comes with JetPack, outside a virtual environment that was made without `--system-site-packages`; in containers
    of L4T R39 a library it needs may be missing, an OSError (github.com/blakeblackshear/frigate/pull/23582).
    """
    try:
        return import_module("tensorrt")
    except (ImportError, OSError) as error:
        raise DeviceError(f"no TensorRT: {error}") from error


@cache
def process_logger() -> Any:
    """Return what TensorRT speaks to: one for the process, since it keeps the first it is given."""
    trt = import_tensorrt()
    severity = trt.ILogger.Severity
    levels = {severity.INTERNAL_ERROR: logging.ERROR, severity.ERROR: logging.ERROR, severity.WARNING: logging.WARNING}

    class Logger(trt.ILogger):  # the base comes with the module, which is imported on use
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.complaints: deque[str] = deque(maxlen=_COMPLAINTS)

        def log(self, level: Any, message: str) -> None:
            if levels.get(level) == logging.ERROR:
                self.complaints.append(message)
            _log.log(levels.get(level, logging.DEBUG), "TensorRT: %s", message)

    return Logger()


def _complaint() -> str:
    """Return the errors that TensorRT spoke of since it was asked."""
    complaints = process_logger().complaints
    said = "; ".join(complaints)
    complaints.clear()
    return said or "it does not say why"


class Plan:
    """A deserialised plan and its execution context; the CUDA context is current in every call.

    The execution context takes its scratch memory when it is made, so that a run takes none. It is not shared with the other
    graph's (engine.device_memory_size_v2, set_device_memory): the two run at the same time.
    """

    def __init__(self, data: bytes, name: str, spec: GraphSpec) -> None:
        """Open it; raises BundleError when TensorRT cannot, or its tensors differ from `spec`. Runs native code out of `data`."""
        self._trt, self._name = import_tensorrt(), name
        self.version = str(self._trt.__version__)
        self._runtime: Any = self._trt.Runtime(process_logger())
        self._engine: Any = self._runtime.deserialize_cuda_engine(data)
        self._context: Any = None
        if self._engine is None:
            raise BundleError(f"{name}: TensorRT {self.version} cannot open the plan: {_complaint()}")
        self._check_tensors("input", self._trt.TensorIOMode.INPUT, spec.inputs)
        self._check_tensors("output", self._trt.TensorIOMode.OUTPUT, spec.outputs)

    @property
    def scratch_bytes(self) -> int:
        """How much of the GPU's memory a run needs besides weights, inputs and outputs."""
        return int(self._engine.device_memory_size_v2)

    def bind(self, addresses: dict[str, int]) -> None:
        """Make the execution context and tell it where its tensors are; raises DeviceError when TensorRT refuses."""
        self._context = self._engine.create_execution_context()
        if self._context is None:
            raise DeviceError(f"TensorRT makes no execution context: {_complaint()}")
        for name, address in addresses.items():
            if not self._context.set_tensor_address(name, address):
                raise DeviceError(f"TensorRT refuses the address of {name}: {_complaint()}")

    def enqueue(self, stream: int) -> None:
        """Enqueue one inference; raises DeviceError when TensorRT refuses."""
        if not self._context.execute_async_v3(stream):
            raise DeviceError(f"TensorRT does not enqueue the inference: {_complaint()}")

    def close(self) -> None:
        """Give all back, what was made last first; nothing of it runs any more."""
        self._context = None
        self._engine = None
        self._runtime = None

    def _check_tensors(self, way: str, mode: Any, wanted: tuple[TensorSpec, ...]) -> None:
        engine = self._engine
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        has = {name: self._tensor(name) for name in names if engine.get_tensor_mode(name) == mode}
        require_tensors(f"{self._name} {way}", "plan", has, wanted)

    def _tensor(self, name: str) -> tuple[str, tuple[int, ...]]:
        kind = str(self._engine.get_tensor_dtype(name).name)
        if self._engine.get_tensor_location(name) != self._trt.TensorLocation.DEVICE:
            raise BundleError(f"{self._name}: TensorRT wants {name} in the processor's memory: a shape, not a tensor")
        return _NUMPY_NAMES.get(kind, kind.lower()), tuple(self._engine.get_tensor_shape(name))
