"""Memory of the GPU and memory it shares with the processor, and the context they live in: all that pycuda does for us.

The primary context, because TensorRT uses the CUDA runtime, whose context that is. pycuda wants the context on its own stack while
memory is taken or given back, and off it before the thread ends (it aborts the process otherwise): so for these moments only.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interfaces.errors import DeviceError
from runtime.tensorrt.driver_api import CudaError, Driver

_FAILED = re.compile(r"(?P<call>\w+) failed: (?P<text>.+)")  # what pycuda's errors say


def import_pycuda() -> Any:
    """Return pycuda.driver; raises DeviceError where it is missing or cannot be loaded."""
    try:
        return import_module("pycuda.driver")
    except (ImportError, OSError) as error:
        raise DeviceError(f"no pycuda: {error}") from error


@cache
def primary_context() -> Any:
    """Return the one for the process, never given back: TensorRT's builder may be in it, and the process's end is the driver's work.

    pycuda would give it back with cuCtxDetach, which is not for primary contexts, when Python lets go of it: so Python never does.
    """
    cuda = import_pycuda()
    cuda.init()
    context = cuda.Device(0).retain_primary_context()
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(context))
    return context


class Memory:
    """What one engine takes of the device, given back together; `close` in any thread, after the device is done with it."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._cuda = import_pycuda()
        self._device: list[Any] = []
        self._mapped: list[NDArray[np.uint8]] = []
        with self._errors():
            self._context = primary_context()

    @property
    def context(self) -> int:
        """The CUcontext, to make current."""
        return int(self._context.handle)

    def device(self, n_bytes: int) -> int:
        """Return the address of new memory of the GPU's own, aligned to 256 bytes at least, as TensorRT wants it."""
        with self._errors(), self._pushed():
            taken = self._cuda.mem_alloc(n_bytes)
        self._device.append(taken)
        return int(taken)

    def mapped(self, n_bytes: int) -> tuple[NDArray[np.uint8], int]:
        """Return new page-locked memory, zeroed, as the processor sees it, and its address on the GPU."""
        flags = self._cuda.host_alloc_flags
        with self._errors(), self._pushed():
            taken = self._cuda.pagelocked_empty(n_bytes, np.uint8, mem_flags=flags.DEVICEMAP | flags.PORTABLE)
            address = int(taken.base.get_device_pointer())
        taken[:] = 0
        self._mapped.append(taken)
        return taken, address

    def close(self) -> None:
        """Give the memory back; page-locked memory that a caller still looks at goes with the last view of it."""
        with self._errors(), self._pushed():
            self._device.clear()
            self._mapped.clear()

    @contextmanager
    def _pushed(self) -> Generator[None]:
        self._context.push()
        try:
            yield
        finally:
            self._context.pop()

    @contextmanager
    def _errors(self) -> Generator[None]:
        try:
            yield
        except self._cuda.Error as error:
            said = _FAILED.fullmatch(str(error))
            if said is None:
                raise CudaError(f"pycuda: {error}") from error
            raise CudaError(f"{said['call']}: {self._driver.named_by_text(said['text'])}") from error
