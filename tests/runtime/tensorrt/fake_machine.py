"""A machine with a GPU that is none: the fake driver, and on it stand-ins for pycuda and tensorrt."""

import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runtime.tensorrt import driver_api
from runtime.tensorrt.memory import primary_context
from runtime.tensorrt.plan import process_logger
from tests.runtime.tensorrt.fake_driver import FakeDriver, build_driver
from tests.runtime.tensorrt.fake_pycuda import FakePycuda
from tests.runtime.tensorrt.fake_tensorrt import fake_module


def built_library(folder: Path) -> Path:
    """Return the fake driver, compiled; not called libcuda.so.1, so that no other library of this process finds it."""
    if shutil.which("gcc") is None:
        pytest.skip("the fake CUDA driver is written in C, and there is no gcc")
    return build_driver(folder / "libfakecuda.so")


@contextmanager
def fake_machine(library: Path) -> Generator[tuple[FakeDriver, FakePycuda]]:
    """Have a fresh Orin on which nothing is missing; no thread may leave a context current, or on pycuda's stack."""
    with pytest.MonkeyPatch.context() as patch:
        driver = FakeDriver(str(library))
        driver.reset()
        patch.setattr(driver_api, "LIBRARY", str(library))
        pycuda = FakePycuda(driver)
        for name, module in {**pycuda.modules(), "tensorrt": fake_module(driver)}.items():
            patch.setitem(sys.modules, name, module)
        primary_context.cache_clear()
        process_logger.cache_clear()
        try:
            yield driver, pycuda
        finally:
            primary_context.cache_clear()
            process_logger.cache_clear()
        assert driver.depth == pycuda.left == 0
