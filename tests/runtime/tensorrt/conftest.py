"""A machine with a GPU that is none: the fake driver, and on it stand-ins for pycuda and tensorrt."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from interfaces.bundle_manifest import GraphSpec, TensorSpec
from runtime.tensorrt import driver_api
from runtime.tensorrt.engine import TensorrtEngine
from runtime.tensorrt.memory import primary_context
from runtime.tensorrt.plan import process_logger
from tests.runtime.tensorrt.fake_driver import FakeDriver, build_driver
from tests.runtime.tensorrt.fake_pycuda import FakePycuda
from tests.runtime.tensorrt.fake_tensorrt import fake_module, plan_of

TOKENS = TensorSpec(name="tokens", shape=(32, 64), dtype="float32")


@pytest.fixture(scope="session")
def fake_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fake driver, compiled; not called libcuda.so.1, so that no other library of this process finds it."""
    if shutil.which("gcc") is None:
        pytest.skip("the fake CUDA driver is written in C, and there is no gcc")
    return build_driver(tmp_path_factory.mktemp("fake_cuda") / "libfakecuda.so")


@pytest.fixture
def gpu(fake_library: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDriver:
    """A fresh Orin."""
    driver = FakeDriver(str(fake_library))
    driver.reset()
    monkeypatch.setattr(driver_api, "LIBRARY", str(fake_library))
    return driver


@pytest.fixture
def pycuda(gpu: FakeDriver, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePycuda]:
    """The stand-in for pycuda; no thread may leave a context on its stack."""
    fake = FakePycuda(gpu)
    for name, module in fake.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    primary_context.cache_clear()
    yield fake
    primary_context.cache_clear()
    assert fake.left == 0


@pytest.fixture
def machine(gpu: FakeDriver, pycuda: FakePycuda, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDriver]:
    """A machine on which nothing is missing."""
    monkeypatch.setitem(sys.modules, "tensorrt", fake_module(gpu))
    process_logger.cache_clear()
    yield gpu
    process_logger.cache_clear()
    assert gpu.depth == pycuda.left == 0


@pytest.fixture(scope="session")
def foresight() -> GraphSpec:
    """A foresight graph: its picture and its tokens are larger than what is shared."""
    front = TensorSpec(name="front", shape=(48, 64, 3), dtype="uint8")
    return GraphSpec(inputs=(front, TensorSpec(name="instruction", shape=(4,), dtype="float32")), outputs=(TOKENS,))


@pytest.fixture(scope="session")
def action() -> GraphSpec:
    """An action graph: all but its tokens is small."""
    shapes = {"joints": (6,), "foresight_age": (), "noise": (16, 6)}
    small = (TensorSpec(name=name, shape=shape, dtype="float32") for name, shape in shapes.items())
    return GraphSpec(inputs=(TOKENS, *small), outputs=(TensorSpec(name="positions", shape=(16, 6), dtype="float32"),))


@pytest.fixture
def open_graph(machine: FakeDriver) -> Iterator[Callable[..., TensorrtEngine]]:
    """Open an engine whose plan has these settings; closed at the end, when all must have been given back."""
    opened: list[TensorrtEngine] = []

    def open_graph(spec: GraphSpec, *, urgent: bool = False, recorded: bool = True, **plan: Any) -> TensorrtEngine:
        engine = TensorrtEngine(plan_of(spec, **plan), "graph", spec, urgent=urgent, recorded=recorded)
        opened.append(engine)
        return engine

    yield open_graph
    assert machine.depth == 0
    for engine in opened:
        engine.close()
