"""What runtime/tensorrt uses of TensorRT's Python module, on the fake driver: a plan is JSON, an inference a small known sum.

    output k = gain * (k + 1) * (sum over the inputs of (i + 1) * mean of input i) + its index in the output

The work is enqueued on the given stream and reads and writes device memory at the addresses that were set when it was enqueued, as a
kernel does: an address of the host, a copy that is missing or comes late, or a result read too soon gives wrong numbers or a fault.
"""

from __future__ import annotations

import ctypes
import enum
import json
from collections.abc import Mapping
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interfaces.bundle_manifest import GraphSpec, TensorSpec
from tests.runtime.tensorrt.fake_driver import ILLEGAL_ADDRESS, FakeDriver

_KINDS = {"float32": "FLOAT", "float16": "HALF", "uint8": "UINT8", "int32": "INT32", "int64": "INT64", "bool": "BOOL"}


def plan_of(spec: GraphSpec, **settings: Any) -> bytes:
    """Return a plan for the fake.

    Settings: `gain`, `recordable` (False: work that no capture takes), `refuses` (True: enqueues nothing, `after` so many inferences),
    `on_host` (name of a tensor that TensorRT wants in the processor's memory).
    """
    tensors = {
        way: [{"name": t.name, "shape": t.shape, "dtype": t.dtype} for t in given]
        for way, given in (("inputs", spec.inputs), ("outputs", spec.outputs))
    }
    return json.dumps({**tensors, **settings}).encode()


def expected(spec: GraphSpec, inputs: Mapping[str, NDArray[Any]], gain: float = 1.0) -> dict[str, NDArray[Any]]:
    """Return what the fake computes."""
    given = [inputs[tensor.name] for tensor in spec.inputs]
    total = sum((i + 1) * float(np.mean(array, dtype=np.float64)) for i, array in enumerate(given))
    return {
        tensor.name: (gain * (k + 1) * total + np.arange(np.prod(tensor.shape)).reshape(tensor.shape)).astype(
            tensor.dtype
        )
        for k, tensor in enumerate(spec.outputs)
    }


class TensorIOMode(enum.Enum):
    """As TensorRT's."""

    NONE = 0
    INPUT = 1
    OUTPUT = 2


class TensorLocation(enum.Enum):
    """As TensorRT's."""

    DEVICE = 0
    HOST = 1


class Severity(enum.Enum):
    """As TensorRT's."""

    INTERNAL_ERROR = 0
    ERROR = 1
    WARNING = 2
    INFO = 3
    VERBOSE = 4


class ILogger:
    """As TensorRT's: to be derived from."""

    Severity = Severity

    def log(self, level: Severity, message: str) -> None:
        """Say something."""
        raise NotImplementedError


class FakeRuntime:
    """Opens plans."""

    def __init__(self, driver: FakeDriver, logger: ILogger) -> None:
        self._driver, self._logger = driver, logger

    def deserialize_cuda_engine(self, data: bytes) -> FakeEngine | None:
        """Return the engine in a plan; None where it is none."""
        try:
            return FakeEngine(self._driver, self._logger, json.loads(data))
        except ValueError:
            self._logger.log(Severity.ERROR, "IRuntime::deserializeCudaEngine: Error Code 1: magicTag does not match")
            return None


class FakeEngine:
    """The tensors of a plan."""

    def __init__(self, driver: FakeDriver, logger: ILogger, plan: dict[str, Any]) -> None:
        self.driver, self.logger, self.plan = driver, logger, plan
        modes = {TensorIOMode.INPUT: plan["inputs"], TensorIOMode.OUTPUT: plan["outputs"]}
        self._modes = {tensor["name"]: mode for mode, tensors in modes.items() for tensor in tensors}
        self._tensors = {tensor["name"]: tensor for tensors in modes.values() for tensor in tensors}
        self.num_io_tensors = len(self._tensors)
        self.device_memory_size_v2 = 1 << 20

    def get_tensor_name(self, index: int) -> str:
        """As TensorRT's."""
        return list(self._tensors)[index]

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        """As TensorRT's."""
        return self._modes[name]

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        """As TensorRT's, but for its own type Dims."""
        return tuple(self._tensors[name]["shape"])

    def get_tensor_dtype(self, name: str) -> SimpleNamespace:
        """As TensorRT's: an enumeration's value."""
        dtype = self._tensors[name]["dtype"]
        return SimpleNamespace(name=_KINDS.get(dtype, dtype.upper()))

    def get_tensor_location(self, name: str) -> TensorLocation:
        """As TensorRT's."""
        return TensorLocation.HOST if name == self.plan.get("on_host") else TensorLocation.DEVICE

    def create_execution_context(self) -> FakeContext | None:
        """Return a context with scratch memory of its own."""
        code, scratch = self.driver.created("cuMemAlloc_v2", ctypes.c_size_t(self.device_memory_size_v2))
        if code:
            self.logger.log(Severity.ERROR, "no scratch memory")
            return None
        return FakeContext(self, scratch)


class FakeContext:
    """Enqueues inferences."""

    def __init__(self, engine: FakeEngine, scratch: int) -> None:
        self._engine, self._driver, self._scratch = engine, engine.driver, scratch
        self._code = self._n_runs = 0
        self._addresses: dict[str, int] = {}

    def set_tensor_address(self, name: str, address: int) -> bool:
        """As TensorRT's, which wants them aligned."""
        self._addresses[name] = address
        return address % 256 == 0

    def execute_async_v3(self, stream: int) -> bool:
        """As TensorRT's; loads its code on first use, which a capture does not allow."""
        plan, self._n_runs = self._engine.plan, self._n_runs + 1
        if plan.get("refuses") and self._n_runs > plan.get("after", 0):
            self._engine.logger.log(Severity.ERROR, "IExecutionContext::enqueueV3: Error Code 3: because of the test")
            return False
        if (self._code == 0 or not plan.get("recordable", True)) and not self._load_code():
            return False
        return self._driver.enqueue(stream, partial(_infer, self._driver, plan, dict(self._addresses))) == 0

    def _load_code(self) -> bool:
        refused, code = self._driver.created("cuMemAlloc_v2", ctypes.c_size_t(256))
        if refused:
            self._engine.logger.log(Severity.ERROR, "no memory for code")
            return False
        self._give_back(self._code)
        self._code = code
        return True

    def _give_back(self, address: int) -> None:
        if address:
            self._driver.call("cuMemFree_v2", ctypes.c_uint64(address))

    def __del__(self) -> None:
        self._give_back(self._scratch)
        self._give_back(self._code)


def fake_module(driver: FakeDriver) -> ModuleType:
    """Return what `import tensorrt` finds."""
    module = ModuleType("tensorrt")
    vars(module).update(
        __version__="10.3.0",
        TensorIOMode=TensorIOMode,
        TensorLocation=TensorLocation,
        ILogger=ILogger,
        Runtime=partial(FakeRuntime, driver),
    )
    return module


def _infer(driver: FakeDriver, plan: dict[str, Any], addresses: dict[str, int]) -> int:
    spec = GraphSpec(inputs=_tensors(plan["inputs"]), outputs=_tensors(plan["outputs"]))
    memory = {t.name: driver.array(addresses[t.name], t.shape, t.dtype) for t in (*spec.inputs, *spec.outputs)}
    found = {name: array for name, array in memory.items() if array is not None}
    if len(found) < len(memory):
        return ILLEGAL_ADDRESS
    for name, value in expected(spec, found, plan.get("gain", 1.0)).items():
        found[name][...] = value
    return 0


def _tensors(given: list[dict[str, Any]]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(name=t["name"], shape=tuple(t["shape"]), dtype=t["dtype"]) for t in given)
