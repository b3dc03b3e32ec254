"""What there is on this machine to run TensorRT engines with, or the first thing that is missing, in one line for people."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from importlib import import_module

from interfaces.errors import DeviceError
from runtime.tensorrt.driver_api import OLDEST_CUDA, CudaError, Driver
from runtime.tensorrt.memory import import_pycuda
from runtime.tensorrt.plan import import_tensorrt

_GIB = 1 << 30
# CUdevice_attribute of cuda.h.
_INTEGRATED = 18
_CAPABILITY_MAJOR = 75
_CAPABILITY_MINOR = 76


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """The GPU and the libraries that reach it."""

    tensorrt: str  # version
    cuda: str  # the newest version that the driver serves
    pycuda: str  # version
    device: str  # as CUDA calls it
    compute_capability: str  # "8.7" on every Orin
    total_memory_bytes: int
    integrated: bool  # shares its memory with the processor

    @property
    def line(self) -> str:
        """All of it in one line."""
        kind = "integrated" if self.integrated else "a card of its own"
        return (
            f"TensorRT {self.tensorrt} on {self.device} (compute capability {self.compute_capability}, {kind},"
            f" {self.total_memory_bytes / _GIB:.1f} GiB), CUDA {self.cuda}, pycuda {self.pycuda}"
        )


@dataclass(frozen=True, slots=True)
class Missing:
    """Why TensorRT engines cannot run here."""

    why: str


def probe() -> Accelerator | Missing:
    """Return what this machine has, or what it lacks; takes nothing of the GPU."""
    try:
        return found()
    except DeviceError as error:
        return Missing(str(error))


def found() -> Accelerator:
    """Return what this machine has; raises DeviceError saying the first thing it lacks: driver, GPU, TensorRT or pycuda."""
    driver = Driver()
    device = _first_device(driver)
    tensorrt = str(import_tensorrt().__version__)
    import_pycuda()
    name, total = ctypes.create_string_buffer(256), ctypes.c_size_t()
    driver.call("cuDeviceGetName", name, len(name), device)
    driver.call("cuDeviceTotalMem_v2", ctypes.byref(total), device)
    major, minor = (
        driver.number("cuDeviceGetAttribute", what, device) for what in (_CAPABILITY_MAJOR, _CAPABILITY_MINOR)
    )
    return Accelerator(
        tensorrt=tensorrt,
        cuda=_shown(driver.number("cuDriverGetVersion")),
        pycuda=str(import_module("pycuda").VERSION_TEXT),
        device=name.value.decode(errors="replace"),
        compute_capability=f"{major}.{minor}",
        total_memory_bytes=total.value,
        integrated=driver.number("cuDeviceGetAttribute", _INTEGRATED, device) != 0,
    )


def _first_device(driver: Driver) -> int:
    version = driver.number("cuDriverGetVersion")
    if version < OLDEST_CUDA:
        raise DeviceError(
            f"the NVIDIA driver is too old: it serves CUDA {_shown(version)}; needed: {_shown(OLDEST_CUDA)}"
        )
    try:
        driver.call("cuInit", 0)
    except CudaError as error:  # also where there is a driver and no device: CUDA_ERROR_NO_DEVICE
        raise DeviceError(f"no GPU to use: {error}") from error
    if driver.number("cuDeviceGetCount") == 0:
        raise DeviceError("no GPU to use: the NVIDIA driver counts none")
    return driver.number("cuDeviceGet", 0)


def _shown(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 10}"
