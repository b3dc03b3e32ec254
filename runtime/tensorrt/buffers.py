"""The memory of an engine's inputs and outputs: taken once, at addresses that never change, so that recorded work stays true.

Three ways for a tensor to reach the GPU, by what the GPU is and how large the tensor is:

    integrated (Jetson), small     page-locked memory that both see: nothing is copied (joints, noise, positions)
    integrated, large              copied once into the GPU's own memory: page-locked memory is not cached there, and pictures and
                                   tokens are read again and again (CUDA for Tegra application note, "pinned memory")
    a card of its own              copied, whatever its size: every read would cross the bus

The copies are part of the recorded work.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from interfaces.bundle_manifest import GraphSpec, TensorSpec
from interfaces.engine import Tensors
from interfaces.errors import DeviceError
from runtime.tensorrt.memory import Memory
from runtime.tensorrt.streams import Stream

SHARED_AT_MOST_BYTES = 4096  # one page; not measured on a Jetson: bench/tensorrt_runner.py compares


class TensorBuffer:
    """One tensor: where the processor writes or reads it, and where the GPU does."""

    def __init__(self, tensor: TensorSpec, memory: Memory, *, shared: bool) -> None:
        dtype = np.dtype(tensor.dtype)
        self.name, self.shared = tensor.name, shared
        self.n_bytes = int(np.prod(tensor.shape, dtype=np.int64)) * dtype.itemsize
        pinned, address = memory.mapped(self.n_bytes)
        self.host = pinned.view(dtype).reshape(tensor.shape)
        self.host_address = int(self.host.ctypes.data)
        self.address = address if shared else memory.device(self.n_bytes)


class Buffers:
    """All inputs and outputs of one engine."""

    def __init__(self, spec: GraphSpec, memory: Memory, *, integrated: bool, shared_at_most_bytes: int) -> None:
        def buffers(tensors: Iterable[TensorSpec]) -> list[TensorBuffer]:
            at_most = shared_at_most_bytes if integrated else 0
            return [TensorBuffer(tensor, memory, shared=_n_bytes(tensor) <= at_most) for tensor in tensors]

        self._inputs, self._outputs = buffers(spec.inputs), buffers(spec.outputs)
        self.outputs: dict[str, NDArray[np.generic]] = {buffer.name: buffer.host for buffer in self._outputs}

    @property
    def addresses(self) -> dict[str, int]:
        """Where the GPU finds each tensor."""
        return {buffer.name: buffer.address for buffer in (*self._inputs, *self._outputs)}

    @property
    def shared_names(self) -> tuple[str, ...]:
        """The tensors that are never copied."""
        return tuple(buffer.name for buffer in (*self._inputs, *self._outputs) if buffer.shared)

    def take(self, inputs: Tensors) -> None:
        """Copy the caller's arrays; raises DeviceError naming the one that is missing or differs."""
        for buffer in self._inputs:
            given, host = inputs.get(buffer.name), buffer.host
            if given is None or given.shape != host.shape or given.dtype != host.dtype:
                has = "missing" if given is None else f"{given.dtype} {given.shape}"
                raise DeviceError(f"input {buffer.name} is {has}; the graph wants {host.dtype} {host.shape}")
            np.copyto(host, given)

    def enqueue_inputs(self, stream: Stream) -> None:
        """Enqueue the copies that inputs need."""
        for buffer in self._inputs:
            if not buffer.shared:
                stream.copy_to_device(buffer.address, buffer.host_address, buffer.n_bytes)

    def enqueue_outputs(self, stream: Stream) -> None:
        """Enqueue the copies that outputs need."""
        for buffer in self._outputs:
            if not buffer.shared:
                stream.copy_to_host(buffer.host_address, buffer.address, buffer.n_bytes)


def _n_bytes(tensor: TensorSpec) -> int:
    return int(np.prod(tensor.shape, dtype=np.int64)) * np.dtype(tensor.dtype).itemsize
