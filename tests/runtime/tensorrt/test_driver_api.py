"""The driver's functions by ctypes: errors are named, contexts come and go, what is missing is said."""

import ctypes

import pytest

from interfaces.errors import DeviceError
from runtime.tensorrt import driver_api
from runtime.tensorrt.driver_api import CudaError, Driver
from tests.runtime.tensorrt.fake_driver import INVALID_CONTEXT, LAUNCH_FAILED, FakeDriver


@pytest.fixture
def driver(machine: FakeDriver) -> Driver:
    """The driver, initialised."""
    driver = Driver()
    assert machine.calls("cuInit") == 0
    driver.call("cuInit", 0)
    return driver


def test_a_machine_without_a_driver_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver_api, "LIBRARY", "libcuda-of-nobody.so.1")
    with pytest.raises(DeviceError, match=r"no NVIDIA driver: libcuda-of-nobody\.so\.1: cannot open shared object"):
        Driver()


def test_a_driver_that_lacks_a_function_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver_api, "LIBRARY", "libc.so.6")
    with pytest.raises(DeviceError, match=r"the NVIDIA driver is too old: libc\.so\.6 has no cuInit"):
        Driver()


def test_an_error_says_call_code_and_name(driver: Driver, machine: FakeDriver) -> None:
    machine.fail("cuDeviceGetCount", 2)
    with pytest.raises(CudaError, match=r"^cuDeviceGetCount: CUDA_ERROR_OUT_OF_MEMORY \(2\): out of memory$"):
        driver.number("cuDeviceGetCount")
    machine.fail("cuDeviceGetCount", 998)
    with pytest.raises(CudaError, match=r"cuDeviceGetCount: an error this driver has no name for \(998\)"):
        driver.number("cuDeviceGetCount")
    assert driver.number("cuDeviceGetCount") == 1


def test_an_error_known_by_its_text_gets_its_name(driver: Driver) -> None:
    assert driver.named_by_text("out of memory") == "CUDA_ERROR_OUT_OF_MEMORY (2): out of memory"
    assert driver.named_by_text("something else") == "something else"


def test_a_context_is_current_inside_only(driver: Driver, machine: FakeDriver) -> None:
    _, context = machine.created("cuDevicePrimaryCtxRetain", 0)
    with driver.current(context):
        with driver.current(context):
            assert machine.depth == 2
        with pytest.raises(KeyError), driver.current(context):
            raise KeyError
        driver.call("cuCtxGetStreamPriorityRange", ctypes.byref(ctypes.c_int()), ctypes.byref(ctypes.c_int()))
    assert machine.depth == 0
    with pytest.raises(CudaError, match=rf"\({INVALID_CONTEXT}\)"):
        driver.created("cuStreamCreateWithPriority", 1, 0)


def test_a_fault_inside_a_context_is_told_once_and_leaves_it(driver: Driver, machine: FakeDriver) -> None:
    _, context = machine.created("cuDevicePrimaryCtxRetain", 0)

    def fault() -> None:
        with driver.current(context):
            machine.call("fake_fault", LAUNCH_FAILED)
            driver.created("cuStreamCreateWithPriority", 1, 0)

    with pytest.raises(CudaError, match=r"cuStreamCreateWithPriority: CUDA_ERROR_LAUNCH_FAILED \(719\)"):
        fault()
    assert machine.depth == 0
