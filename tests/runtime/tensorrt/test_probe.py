"""The probe says in one line what there is, or the first thing that is missing; never a traceback."""

import sys

import pytest

from interfaces.bundle_manifest import GraphSpec
from interfaces.errors import DeviceError
from runtime.tensorrt import driver_api
from runtime.tensorrt.engine import TensorrtEngine
from runtime.tensorrt.probe import Accelerator, Missing, probe
from tests.runtime.tensorrt.fake_driver import FakeDriver

NO_DEVICE = 100


def test_it_says_what_there_is(machine: FakeDriver) -> None:
    found = probe()
    assert isinstance(found, Accelerator)
    assert (found.device, found.compute_capability, found.tensorrt) == ("Orin (fake)", "8.7", "10.3.0")
    assert found.line == (
        "TensorRT 10.3.0 on Orin (fake) (compute capability 8.7, integrated, 8.0 GiB), CUDA 12.6, pycuda 2026.1"
    )
    assert machine.live == 0
    machine.reset(integrated=False)
    found = probe()
    assert isinstance(found, Accelerator)
    assert "a card of its own" in found.line


def missing() -> str:
    """Return what is missing."""
    found = probe()
    assert isinstance(found, Missing)
    assert "\n" not in found.why
    return found.why


def test_it_says_what_is_missing(machine: FakeDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, said in (("pycuda.driver", "no pycuda: "), ("tensorrt", "no TensorRT: ")):
        monkeypatch.setitem(sys.modules, module, None)
        assert missing().startswith(said)
    machine.call("fake_set_count", 0)
    assert missing() == f"no GPU to use: cuInit: CUDA_ERROR_NO_DEVICE ({NO_DEVICE}): no CUDA-capable device is detected"
    machine.call("fake_set_version", 11040)
    assert missing() == "the NVIDIA driver is too old: it serves CUDA 11.4; needed: 12.0"
    monkeypatch.setattr(driver_api, "LIBRARY", "libcuda-of-nobody.so.1")
    assert missing().startswith("no NVIDIA driver: libcuda-of-nobody.so.1: cannot open")


def test_an_engine_on_a_machine_without_a_gpu_says_the_same(action: GraphSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver_api, "LIBRARY", "libcuda-of-nobody.so.1")
    with pytest.raises(DeviceError, match=r"no NVIDIA driver: libcuda-of-nobody\.so\.1"):
        TensorrtEngine(b"", "action.plan", action, urgent=True)
