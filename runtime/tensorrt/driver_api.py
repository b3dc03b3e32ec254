"""The CUDA driver's own functions that pycuda lacks, by ctypes: streams with priorities, graph capture, what needs their handles.

pycuda 2026.1 makes streams of one priority only, takes no stream of others for its copies and events, and knows no graphs. Names and
signatures are those of cuda.h of CUDA 12.6, 13.0 and 13.5, alike in all three; the header's macros map cuStreamBeginCapture to
cuStreamBeginCapture_v2, cuGraphInstantiate to cuGraphInstantiateWithFlags and so on. ctypes releases Python's lock during every
call, so the other engine's thread runs on while this one waits.
"""

from __future__ import annotations

import ctypes
from collections.abc import Generator
from contextlib import contextmanager
from ctypes import POINTER, c_char_p, c_int, c_size_t, c_uint, c_uint64, c_ulonglong, c_void_p

from interfaces.errors import DeviceError

LIBRARY = "libcuda.so.1"  # NVIDIA's driver; never the stub of the toolkit, which is called libcuda.so
OLDEST_CUDA = 12000  # TensorRT 10.3, the oldest that forerun runs on, is made for CUDA 12

SIGNATURES = {
    "cuInit": (c_uint,),
    "cuDriverGetVersion": (POINTER(c_int),),
    "cuGetErrorName": (c_int, POINTER(c_char_p)),
    "cuGetErrorString": (c_int, POINTER(c_char_p)),
    "cuDeviceGetCount": (POINTER(c_int),),
    "cuDeviceGet": (POINTER(c_int), c_int),
    "cuDeviceGetName": (c_char_p, c_int, c_int),
    "cuDeviceGetAttribute": (POINTER(c_int), c_int, c_int),
    "cuDeviceTotalMem_v2": (POINTER(c_size_t), c_int),
    "cuCtxPushCurrent_v2": (c_void_p,),
    "cuCtxPopCurrent_v2": (POINTER(c_void_p),),
    "cuCtxGetStreamPriorityRange": (POINTER(c_int), POINTER(c_int)),
    "cuStreamCreateWithPriority": (POINTER(c_void_p), c_uint, c_int),
    "cuStreamDestroy_v2": (c_void_p,),
    "cuStreamBeginCapture_v2": (c_void_p, c_int),
    "cuStreamEndCapture": (c_void_p, POINTER(c_void_p)),
    "cuGraphInstantiateWithFlags": (POINTER(c_void_p), c_void_p, c_ulonglong),
    "cuGraphDestroy": (c_void_p,),
    "cuGraphLaunch": (c_void_p, c_void_p),
    "cuGraphExecDestroy": (c_void_p,),
    "cuEventCreate": (POINTER(c_void_p), c_uint),
    "cuEventRecord": (c_void_p, c_void_p),
    "cuEventSynchronize": (c_void_p,),
    "cuEventDestroy_v2": (c_void_p,),
    "cuMemcpyHtoDAsync_v2": (c_uint64, c_void_p, c_size_t, c_void_p),
    "cuMemcpyDtoHAsync_v2": (c_void_p, c_uint64, c_size_t, c_void_p),
}
_MAX_CODE = 1000  # CUresult ends with CUDA_ERROR_UNKNOWN, 999


class CudaError(DeviceError):
    """The CUDA driver refused a call: says which, with its code and name."""


class Driver:
    """The loaded library, with its signatures; any thread may call it."""

    def __init__(self) -> None:
        try:
            self._library = ctypes.CDLL(LIBRARY)
        except OSError as error:
            raise DeviceError(f"no NVIDIA driver: {error}") from error
        for name, types in SIGNATURES.items():
            try:
                function = getattr(self._library, name)
            except AttributeError as error:
                raise DeviceError(f"the NVIDIA driver is too old: {LIBRARY} has no {name}") from error
            function.argtypes, function.restype = types, c_int

    def call(self, name: str, *arguments: object) -> None:
        """Call a function of the driver; raises CudaError when it does not return success."""
        code = getattr(self._library, name)(*arguments)
        if code != 0:
            raise CudaError(f"{name}: {self._named(code)}")

    def created(self, name: str, *arguments: object) -> c_void_p:
        """Return the handle that a function of the driver writes through its first argument."""
        handle = c_void_p()
        self.call(name, ctypes.byref(handle), *arguments)
        return handle

    def number(self, name: str, *arguments: object) -> int:
        """Return the int that a function of the driver writes through its first argument."""
        value = c_int()
        self.call(name, ctypes.byref(value), *arguments)
        return value.value

    @contextmanager
    def current(self, context: int) -> Generator[None]:
        """Make a context current in this thread, and the one before it again afterwards.

        Around every use, not once a thread: a context left on pycuda's own stack aborts the process when its thread ends.
        """
        self.call("cuCtxPushCurrent_v2", context)
        try:
            yield
        except BaseException:
            self._library.cuCtxPopCurrent_v2(
                ctypes.byref(c_void_p())
            )  # may tell the same fault again: the first is said
            raise
        self.created("cuCtxPopCurrent_v2")

    def named_by_text(self, text: str) -> str:
        """Return code and name of the error that the driver describes as `text`, which is all that pycuda tells."""
        codes = (code for code in range(1, _MAX_CODE) if self._said("cuGetErrorString", code) == text)
        code = next(codes, None)
        return text if code is None else self._named(code)

    def _named(self, code: int) -> str:
        name = self._said("cuGetErrorName", code) or "an error this driver has no name for"
        return f"{name} ({code}): {self._said('cuGetErrorString', code)}"

    def _said(self, function: str, code: int) -> str:
        text = c_char_p()
        getattr(self._library, function)(code, ctypes.byref(text))
        return (text.value or b"").decode(errors="replace")
