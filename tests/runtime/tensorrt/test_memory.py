"""Memory by pycuda: taken and given back in its context, whatever the thread; its errors get their names back."""

import gc
import sys
import threading
from types import ModuleType

import numpy as np
import pytest

from interfaces.errors import DeviceError
from runtime.tensorrt.driver_api import CudaError, Driver
from runtime.tensorrt.memory import Memory, import_pycuda
from tests.runtime.tensorrt.fake_driver import OUT_OF_MEMORY, FakeDriver
from tests.runtime.tensorrt.fake_pycuda import FakePycuda


@pytest.fixture
def memory(machine: FakeDriver) -> Memory:
    """Memory of a device."""
    assert machine.live == 0
    return Memory(Driver())


def test_both_sides_see_page_locked_memory(machine: FakeDriver, memory: Memory) -> None:
    host, address = memory.mapped(1000)
    assert not host.any()
    host[:] = np.arange(1000) % 251
    seen = machine.array(address, (1000,), np.uint8)
    assert seen is not None
    assert np.array_equal(seen, host)
    assert address != host.ctypes.data


def test_memory_of_the_gpu_is_aligned_and_its_own(machine: FakeDriver, memory: Memory) -> None:
    first, second = memory.device(1000), memory.device(1)
    assert first % 256 == second % 256 == 0
    assert machine.array(first, (1000,), np.uint8) is not None
    assert machine.array(first, (1001,), np.uint8) is None
    assert not first <= second < first + 1000


def test_closing_in_another_thread_gives_everything_back(
    machine: FakeDriver, memory: Memory, pycuda: FakePycuda
) -> None:
    memory.device(10)
    memory.mapped(10)
    assert machine.live == 2
    thread = threading.Thread(target=memory.close)
    thread.start()
    thread.join(60)
    assert machine.live == 0
    assert pycuda.left == 0


def test_what_somebody_looks_at_stays(machine: FakeDriver, memory: Memory) -> None:
    host, _ = memory.mapped(12)
    view = host.view(np.float32).reshape(3)
    view[:] = 1.5
    del host
    memory.close()
    assert view.tolist() == [1.5] * 3
    assert machine.live == 1
    del view
    gc.collect()
    assert machine.live == 0


@pytest.mark.parametrize(("take", "call"), [("device", "cuMemAlloc"), ("mapped", "cuMemHostAlloc")])
def test_full_memory_is_said_with_call_code_and_name(
    machine: FakeDriver, memory: Memory, pycuda: FakePycuda, take: str, call: str
) -> None:
    machine.fail({"cuMemAlloc": "cuMemAlloc_v2"}.get(call, call), OUT_OF_MEMORY)
    with pytest.raises(CudaError, match=rf"^{call}: CUDA_ERROR_OUT_OF_MEMORY \(2\): out of memory$"):
        getattr(memory, take)(1 << 30)
    assert machine.live == pycuda.left == 0


@pytest.mark.parametrize("error", [ImportError("libcuda.so.1: cannot open"), OSError("libcurand.so.10: cannot open")])
def test_pycuda_that_does_not_load_is_said(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    class Broken:
        def find_spec(self, name: str, *_: object) -> None:
            if name.startswith("pycuda"):
                raise error

    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    for name in ("pycuda", "pycuda.driver"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(DeviceError, match=f"^no pycuda: {error}"):
        import_pycuda()


def test_an_error_of_another_form_is_told_as_it_is(
    memory: Memory, pycuda: FakePycuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(n_bytes: int) -> None:
        raise pycuda.Error(f"not {n_bytes}")

    module: ModuleType = sys.modules["pycuda.driver"]
    monkeypatch.setattr(module, "mem_alloc", refuses)
    with pytest.raises(CudaError, match="pycuda: not 3"):
        memory.device(3)
