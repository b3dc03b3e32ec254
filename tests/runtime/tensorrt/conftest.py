"""What the tests of the TensorRT runner share: a fake machine with a GPU, two graphs, engines."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from interfaces.bundle_manifest import GraphSpec, TensorSpec
from runtime.tensorrt.engine import TensorrtEngine
from tests.runtime.tensorrt.fake_driver import FakeDriver
from tests.runtime.tensorrt.fake_machine import built_library, fake_machine
from tests.runtime.tensorrt.fake_pycuda import FakePycuda
from tests.runtime.tensorrt.fake_tensorrt import plan_of

TOKENS = TensorSpec(name="tokens", shape=(32, 64), dtype="float32")


@pytest.fixture(scope="session")
def fake_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fake driver, compiled."""
    return built_library(tmp_path_factory.mktemp("fake_cuda"))


@pytest.fixture
def fakes(fake_library: Path) -> Iterator[tuple[FakeDriver, FakePycuda]]:
    """A fresh Orin."""
    with fake_machine(fake_library) as fakes:
        yield fakes


@pytest.fixture
def machine(fakes: tuple[FakeDriver, FakePycuda]) -> FakeDriver:
    """The driver of a machine on which nothing is missing."""
    return fakes[0]


@pytest.fixture
def pycuda(fakes: tuple[FakeDriver, FakePycuda]) -> FakePycuda:
    """The stand-in for pycuda on that machine."""
    return fakes[1]


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
