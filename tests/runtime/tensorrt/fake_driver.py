"""The fake CUDA driver (fake_cuda/), built and played with from Python; runtime/tensorrt itself meets only the driver's own symbols."""

from __future__ import annotations

import ctypes
import itertools
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

SOURCES = Path(__file__).with_name("fake_cuda")
INVALID_CONTEXT, OUT_OF_MEMORY, ILLEGAL_ADDRESS, LAUNCH_FAILED = 201, 2, 700, 719

_KERNEL = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_long)


def build_driver(library: Path, *options: str) -> Path:
    """Compile the fake driver into `library`."""
    sources = sorted(str(path) for path in SOURCES.glob("*.c"))
    command = ["gcc", "-shared", "-fPIC", "-Wall", "-Werror", *options, "-o", str(library), *sources, "-lpthread"]
    subprocess.run(command, check=True)
    return library


class FakeDriver:
    """The handles of the fake driver."""

    def __init__(self, library: str) -> None:
        self.library = library
        self._library = ctypes.CDLL(library)
        self._library.fake_resolve.restype = ctypes.c_void_p
        self._library.fake_resolve.argtypes = (ctypes.c_uint64, ctypes.c_size_t)
        self._library.fake_enqueue.argtypes = (ctypes.c_void_p, _KERNEL, ctypes.c_long)
        self._library.fake_priority.argtypes = (ctypes.c_void_p,)
        self._library.fake_is_capturing.argtypes = (ctypes.c_void_p,)
        self._tokens = itertools.count()
        self._kernels: dict[int, Callable[[], int]] = {}
        self._run = _KERNEL(self._run_kernel)

    def reset(self, *, integrated: bool = True) -> None:
        """Make a new device of the old one."""
        self._library.fake_reset(int(integrated))

    def call(self, name: str, *arguments: Any) -> int:
        """Call a function of the driver, or of the fake, as it is."""
        return int(getattr(self._library, name)(*arguments))

    def created(self, name: str, *arguments: Any) -> tuple[int, int]:
        """Return the code of a call, and the handle or address that it writes through its first argument."""
        handle = ctypes.c_uint64()
        return self.call(name, ctypes.byref(handle), *arguments), handle.value

    def fail(self, name: str, code: int, after: int = 0) -> None:
        """Have a function fail once, after so many more calls that do not."""
        self.call("fake_fail", name.encode(), after, code)

    def calls(self, name: str) -> int:
        """Return how often a function was called since the reset."""
        return self.call("fake_calls", name.encode())

    @property
    def live(self) -> int:
        """Return how much was taken and not given back: memory, streams, events, graphs."""
        return self.call("fake_live")

    @property
    def depth(self) -> int:
        """Return how many contexts this thread has pushed and not popped."""
        return self.call("fake_depth")

    def enqueue(self, stream: int, kernel: Callable[[], int]) -> int:
        """Enqueue work, or record it where the stream captures."""
        token = next(self._tokens)
        self._kernels[token] = kernel
        return self.call("fake_enqueue", stream, self._run, token)

    def array(self, address: int, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any] | None:
        """Return the device's memory at an address; None where not all of it is memory of the device."""
        n_bytes = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        host = self._library.fake_resolve(address, n_bytes)
        if host is None:
            return None
        memory = memoryview((ctypes.c_uint8 * n_bytes).from_address(host))
        return np.frombuffer(memory, np.dtype(dtype)).reshape(shape)

    def _run_kernel(self, token: int) -> int:
        return self._kernels[token]()
