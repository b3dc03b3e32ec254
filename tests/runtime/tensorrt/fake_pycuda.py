"""What runtime/tensorrt uses of pycuda.driver, on the fake driver, with the rules read in pycuda 2026.1 (src/cpp/cuda.hpp).

Memory is taken in the context on top of this thread's own stack, and given back there, or in the thread that made the context; elsewhere
it is lost, with a warning. The true pycuda is put on the fake driver by test_memory_pycuda.py.
"""

from __future__ import annotations

import ctypes
import threading
import warnings
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tests.runtime.tensorrt.fake_driver import OUT_OF_MEMORY, FakeDriver


class FakePycuda:
    """The module's state: one driver, a stack of contexts for each thread."""

    def __init__(self, driver: FakeDriver) -> None:
        self.driver = driver
        self._stacks: dict[int, list[Any]] = {}

        class Error(Exception):
            pass

        class MemoryError(Error):  # noqa: A001 - pycuda's own name
            pass

        self.Error, self.MemoryError = Error, MemoryError

    @property
    def stack(self) -> list[Any]:
        """The contexts pushed in this thread."""
        return self._stacks.setdefault(threading.get_ident(), [])

    @property
    def left(self) -> int:
        """How many contexts are on any stack: pycuda aborts the process when such a thread ends."""
        return sum(len(stack) for stack in self._stacks.values())

    def check(self, call: str, code: int) -> None:
        """Raise as pycuda does: it says the call and the text, not the code."""
        if code:
            text = ctypes.c_char_p()
            self.driver.call("cuGetErrorString", code, ctypes.byref(text))
            kind = self.MemoryError if code == OUT_OF_MEMORY else self.Error
            raise kind(f"{call} failed: {(text.value or b'').decode()}")

    def modules(self) -> dict[str, ModuleType]:
        """Return what `import pycuda.driver` finds."""
        package, driver = ModuleType("pycuda"), ModuleType("pycuda.driver")
        vars(package).update(VERSION_TEXT="2026.1", driver=driver, __path__=[])
        vars(driver).update(
            Error=self.Error,
            MemoryError=self.MemoryError,
            init=lambda: self.check("cuInit", self.driver.call("cuInit", 0)),
            Device=partial(_Device, self),
            host_alloc_flags=SimpleNamespace(PORTABLE=1, DEVICEMAP=2),
            mem_alloc=partial(_DeviceMemory, self),
            pagelocked_empty=self._pagelocked_empty,
        )
        return {"pycuda": package, "pycuda.driver": driver}

    def _pagelocked_empty(self, shape: int, dtype: DTypeLike, *, mem_flags: int) -> NDArray[Any]:
        assert np.dtype(dtype) == np.uint8
        return np.asarray(_PageLocked(self, shape, mem_flags))


class _Device:
    def __init__(self, pycuda: FakePycuda, ordinal: int) -> None:
        self._pycuda, self._ordinal = pycuda, ordinal

    def retain_primary_context(self) -> _Context:
        return _Context(self._pycuda, self._ordinal)


class _Context:
    def __init__(self, pycuda: FakePycuda, ordinal: int) -> None:
        self._pycuda, self.thread = pycuda, threading.get_ident()
        code, self.handle = pycuda.driver.created("cuDevicePrimaryCtxRetain", ordinal)
        pycuda.check("cuDevicePrimaryCtxRetain", code)

    def push(self) -> None:
        if self._pycuda.stack:  # one at a time is on CUDA's stack, the others only on pycuda's
            self._pycuda.check("cuCtxPopCurrent", self._pycuda.driver.created("cuCtxPopCurrent_v2")[0])
        self._pycuda.check("cuCtxPushCurrent", self._pycuda.driver.call("cuCtxPushCurrent_v2", _pointer(self.handle)))
        self._pycuda.stack.append(self)

    def pop(self) -> None:
        self._pycuda.check("cuCtxPopCurrent", self._pycuda.driver.created("cuCtxPopCurrent_v2")[0])
        self._pycuda.stack.pop()
        if self._pycuda.stack:
            top = self._pycuda.stack[-1]
            self._pycuda.check(
                "cuCtxPushCurrent", self._pycuda.driver.call("cuCtxPushCurrent_v2", _pointer(top.handle))
            )


class _Allocation:
    """Memory that belongs to the context on top of the stack."""

    def __init__(self, pycuda: FakePycuda) -> None:
        if not pycuda.stack:
            raise pycuda.Error(
                "explicit_context_dependent failed: invalid device context - no currently active context?"
            )
        self._pycuda, self._context, self._valid = pycuda, pycuda.stack[-1], True

    def _give_back(self, call: str, address: int) -> None:
        if not self._valid:
            raise self._pycuda.Error("free failed: invalid resource handle")
        self._valid = False
        if self._pycuda.stack and self._pycuda.stack[-1] is self._context:
            self._pycuda.driver.call(call, _pointer(address))
        elif threading.get_ident() == self._context.thread:
            self._context.push()
            self._pycuda.driver.call(call, _pointer(address))
            self._context.pop()
        else:
            warnings.warn(f"{call} in out-of-thread context could not be cleaned up", stacklevel=2)


class _DeviceMemory(_Allocation):
    def __init__(self, pycuda: FakePycuda, n_bytes: int) -> None:
        super().__init__(pycuda)
        code, self._address = pycuda.driver.created("cuMemAlloc_v2", _size(n_bytes))
        self._valid = code == 0
        pycuda.check("cuMemAlloc", code)

    def __int__(self) -> int:
        return self._address

    def free(self) -> None:
        self._give_back("cuMemFree_v2", self._address)

    def __del__(self) -> None:
        if self._valid:
            self.free()


class _PageLocked(_Allocation):
    def __init__(self, pycuda: FakePycuda, n_bytes: int, flags: int) -> None:
        super().__init__(pycuda)
        code, self._host = pycuda.driver.created("cuMemHostAlloc", _size(n_bytes), flags)
        self._valid = code == 0
        pycuda.check("cuMemHostAlloc", code)
        self.__array_interface__ = {"data": (self._host, False), "shape": (n_bytes,), "typestr": "|u1", "version": 3}

    def get_device_pointer(self) -> int:
        code, address = self._pycuda.driver.created("cuMemHostGetDevicePointer_v2", _pointer(self._host), 0)
        self._pycuda.check("cuMemHostGetDevicePointer", code)
        return address

    def __del__(self) -> None:
        if self._valid:
            self._give_back("cuMemFreeHost", self._host)


def _pointer(address: int) -> ctypes.c_uint64:
    return ctypes.c_uint64(address)


def _size(n_bytes: int) -> ctypes.c_size_t:
    return ctypes.c_size_t(n_bytes)
