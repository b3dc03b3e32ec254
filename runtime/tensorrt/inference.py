"""One plan made ready on the GPU: memory at fixed addresses, a stream of its own, the whole inference recorded as one CUDA graph."""

from __future__ import annotations

import ctypes
import logging
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interfaces.bundle_manifest import GraphSpec
from interfaces.engine import Tensors
from interfaces.errors import DeviceError
from runtime.tensorrt.buffers import Buffers
from runtime.tensorrt.driver_api import CudaError, Driver
from runtime.tensorrt.memory import Memory
from runtime.tensorrt.plan import Plan
from runtime.tensorrt.probe import Accelerator
from runtime.tensorrt.streams import RecordedWork, Stream

_log = logging.getLogger(__name__)
_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How a graph is to run."""

    urgent: bool  # ahead of the other graph on the GPU
    shared_at_most_bytes: int  # on an integrated GPU, the largest tensor that is not copied
    recorded: bool  # as a CUDA graph, where that works


class Inference:
    """What an engine holds of the device; used by one thread at a time, closed once."""

    def __init__(self, plan: bytes, name: str, spec: GraphSpec, found: Accelerator, wishes: Wishes) -> None:
        self._name, self._wishes = name, wishes
        self._driver = Driver()
        self._memory = Memory(self._driver)
        self._opened = ExitStack()  # undone in reverse: what works on memory goes before the memory
        self._opened.callback(self._memory.close)
        self._stream: Stream | None = None
        self._recorded: RecordedWork | None = None
        self._not_recorded = "not asked for"
        try:
            with self._driver.current(self._memory.context):
                self._open(plan, spec, found)
        except BaseException:
            self.close()
            raise

    @property
    def outputs(self) -> dict[str, NDArray[np.generic]]:
        """Where the outputs are after a run."""
        return self._buffers.outputs

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person may want to know of how it runs."""
        stream, shared = self._ready, self._buffers.shared_names
        urgency = "highest" if self._wishes.urgent else "lowest"
        return (
            f"stream priority {stream.priority}, the {urgency}"
            if stream.has_priorities
            else "no stream priorities here",
            "one CUDA graph" if self._recorded else f"enqueued anew in each run, no CUDA graph: {self._not_recorded}",
            f"not copied: {', '.join(shared) or 'nothing'}",
            f"{self._plan.scratch_bytes / _MIB:.1f} MiB for intermediate results",
        )

    def take(self, inputs: Tensors) -> None:
        """Copy the inputs of the next run; raises DeviceError naming what does not fit."""
        self._buffers.take(inputs)

    def run(self) -> None:
        """Run once and wait for the outputs; raises DeviceError, after which the GPU is not to be used."""
        with self._driver.current(self._memory.context):
            if self._recorded:
                self._recorded.launch()
            else:
                self._enqueue()
            self._ready.wait()

    def close(self) -> None:
        """Give everything back; after a fault of the GPU, which makes that impossible, leave it to the end of the process."""
        try:
            with self._driver.current(self._memory.context):
                if self._stream:
                    self._stream.wait()  # raises after a fault: from then on every call would, and pycuda's end the process
                self._opened.close()
        except CudaError as error:
            _log.warning("%s: left to the end of the process: %s", self._name, error)
            self.abandon()

    def abandon(self) -> None:
        """Never give anything back: what lets go of pycuda's objects after a fault, or while they are in use, ends in SIGABRT."""
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))

    @property
    def _ready(self) -> Stream:
        if self._stream is None:
            raise DeviceError("the engine is not open")
        return self._stream

    def _open(self, data: bytes, spec: GraphSpec, found: Accelerator) -> None:
        self._stream = Stream(self._driver, urgent=self._wishes.urgent)
        self._opened.callback(self._stream.close)
        self._plan = Plan(data, self._name, spec)
        self._opened.callback(self._plan.close)
        self._buffers = Buffers(
            spec, self._memory, integrated=found.integrated, shared_at_most_bytes=self._wishes.shared_at_most_bytes
        )
        self._opened.callback(self._drop_buffers)
        self._plan.bind(self._buffers.addresses)
        self.run()  # TensorRT and the driver load code on first use, which a recording does not allow
        if self._wishes.recorded:
            self._record(self._stream)

    def _drop_buffers(self) -> None:
        del self._buffers  # the last look at page-locked memory is to go while its context is current

    def _record(self, stream: Stream) -> None:
        try:
            self._recorded = stream.record(self._enqueue)
        except DeviceError as error:
            self._not_recorded = str(error)
            _log.warning("%s: runs without a CUDA graph: %s", self._name, error)
        else:
            self._opened.callback(self._recorded.close)
        self.run()

    def _enqueue(self) -> None:
        self._buffers.enqueue_inputs(self._ready)
        self._plan.enqueue(self._ready.handle)
        self._buffers.enqueue_outputs(self._ready)
