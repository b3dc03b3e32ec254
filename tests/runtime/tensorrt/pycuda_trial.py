"""Engines in a process of their own, that ends: `python -m tests.runtime.tensorrt.pycuda_trial CASE [LIBRARY]`, "well" at its end.

With the true pycuda, which ends the process where something is wrong; the fake driver is then called libcuda.so.1. Or, where LIBRARY
is the fake driver by another name, with the stand-in for pycuda.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable

import numpy as np
import pytest

from interfaces.bundle_manifest import GraphSpec, TensorSpec
from interfaces.errors import DeviceError
from runtime.tensorrt import driver_api
from runtime.tensorrt.engine import TensorrtEngine
from runtime.tensorrt.memory import primary_context
from tests.runtime.tensorrt.fake_driver import LAUNCH_FAILED, OUT_OF_MEMORY, FakeDriver
from tests.runtime.tensorrt.fake_pycuda import FakePycuda
from tests.runtime.tensorrt.fake_tensorrt import expected, fake_module, plan_of

SPEC = GraphSpec(
    inputs=(
        TensorSpec(name="front", shape=(48, 64, 3), dtype="uint8"),
        TensorSpec(name="joints", shape=(6,), dtype="float32"),
        TensorSpec(name="foresight_age", shape=(), dtype="float32"),
    ),
    outputs=(TensorSpec(name="positions", shape=(16, 6), dtype="float32"),),
)
KEPT: list[object] = []


def in_thread(work: Callable[[], None]) -> None:
    """Do it in a thread that ends."""
    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised by the caller
            failures.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def check(engine: TensorrtEngine, gain: float) -> None:
    """Run on a few inputs."""
    for seed in range(20):
        draw = np.random.default_rng(seed)
        inputs = {t.name: np.asarray(draw.random(t.shape) * 200).astype(t.dtype) for t in SPEC.inputs}
        np.testing.assert_allclose(
            engine.run(inputs)["positions"], expected(SPEC, inputs, gain)["positions"], rtol=1e-5
        )


def opened(gain: float) -> TensorrtEngine:
    """Return an engine."""
    return TensorrtEngine(plan_of(SPEC, gain=gain), "graph", SPEC, urgent=True)


def runs(gpu: FakeDriver) -> None:
    """Engines opened here run in threads, are closed there and here, and give everything back."""
    for integrated in (True, False):
        gpu.reset(integrated=integrated)
        primary_context().push()  # as the builder or another library may
        engines = [opened(2.0), opened(3.0)]
        for engine, gain in zip(engines, (2.0, 3.0), strict=True):
            in_thread(lambda engine=engine, gain=gain: check(engine, gain))
            check(engine, gain)
        in_thread(engines[0].close)
        engines[1].close()
        primary_context().pop()
        assert (gpu.live, gpu.depth) == (0, 0), (gpu.live, gpu.depth)


def drops(gpu: FakeDriver) -> None:
    """An engine nobody has any more is closed in whatever thread."""
    engines = [opened(1.0)]
    check(engines[0], 1.0)

    def drop() -> None:
        engines.clear()
        gc.collect()

    in_thread(drop)
    assert gpu.live == 0, gpu.live


def fills(gpu: FakeDriver) -> None:
    """What pycuda says of full memory is told with call, code and name, and nothing stays taken."""
    gpu.fail("cuMemHostAlloc", OUT_OF_MEMORY)
    with pytest.raises(DeviceError, match=r"graph: cuMemHostAlloc: CUDA_ERROR_OUT_OF_MEMORY \(2\): out of memory"):
        opened(1.0)
    assert gpu.live == 0, gpu.live
    gpu.fail("cuMemAlloc_v2", OUT_OF_MEMORY)  # pycuda collects Python's garbage then, and tries once more
    opened(1.0).close()
    assert gpu.live == 0, gpu.live


def stays(gpu: FakeDriver) -> None:
    """An engine is open when the program ends."""
    KEPT.append(opened(1.0))
    check(opened(1.0), 1.0)
    assert gpu.live > 0


def faults(gpu: FakeDriver) -> None:
    """The GPU fails, and then the program ends."""
    engine = opened(1.0)
    KEPT.append(engine)
    gpu.call("fake_fault", LAUNCH_FAILED)
    with pytest.raises(DeviceError, match=r"CUDA_ERROR_LAUNCH_FAILED \(719\)"):
        check(engine, 1.0)


def careless(gpu: FakeDriver) -> None:
    """A thread leaves the context on pycuda's stack, as runtime/tensorrt does not."""
    opened(1.0).close()
    in_thread(primary_context().push)
    assert gpu.live == 0


def main() -> None:
    """Try the case that is named."""
    stand_in = len(sys.argv) > 2
    driver_api.LIBRARY = sys.argv[2] if stand_in else driver_api.LIBRARY
    gpu = FakeDriver(driver_api.LIBRARY)
    gpu.reset()
    sys.modules.update({"tensorrt": fake_module(gpu), **(FakePycuda(gpu).modules() if stand_in else {})})
    cases = {case.__name__: case for case in (runs, drops, fills, stays, faults, careless)}
    cases[sys.argv[1]](gpu)
    sys.stdout.write("well\n")


if __name__ == "__main__":
    main()
