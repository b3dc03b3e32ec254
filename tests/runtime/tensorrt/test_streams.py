"""Streams: priorities, work in order, recordings that are replayed, and that a broken recording leaves the stream usable."""

from collections.abc import Iterator

import pytest

from interfaces.errors import DeviceError
from runtime.tensorrt.driver_api import CudaError, Driver
from runtime.tensorrt.streams import Stream
from tests.runtime.tensorrt.fake_driver import OUT_OF_MEMORY, FakeDriver


@pytest.fixture
def driver(machine: FakeDriver) -> Iterator[Driver]:
    """The driver, with a context current."""
    driver = Driver()
    driver.call("cuInit", 0)
    with driver.current(machine.created("cuDevicePrimaryCtxRetain", 0)[1]):
        yield driver


def note(machine: FakeDriver, stream: Stream, done: list[int], what: int) -> None:
    """Enqueue a kernel that notes down `what`."""

    def kernel() -> int:
        done.append(what)
        return 0

    assert machine.enqueue(stream.handle, kernel) == 0


@pytest.mark.parametrize(("least", "greatest"), [(0, -5), (0, -1), (3, -2)])
def test_the_smaller_number_goes_first(machine: FakeDriver, driver: Driver, least: int, greatest: int) -> None:
    machine.call("fake_set_priorities", least, greatest)
    urgent, patient = Stream(driver, urgent=True), Stream(driver, urgent=False)
    assert (urgent.priority, patient.priority) == (greatest, least)
    assert [machine.call("fake_priority", stream.handle) for stream in (urgent, patient)] == [greatest, least]
    assert urgent.has_priorities


def test_work_is_done_in_order_by_the_end_of_the_wait(machine: FakeDriver, driver: Driver) -> None:
    stream, done = Stream(driver, urgent=True), list[int]()
    for what in range(3):
        note(machine, stream, done, what)
    assert done == []
    stream.wait()
    assert done == [0, 1, 2]
    stream.close()
    assert machine.live == 0


def test_recorded_work_is_done_by_each_launch_only(machine: FakeDriver, driver: Driver) -> None:
    stream, done = Stream(driver, urgent=True), list[int]()
    recorded = stream.record(lambda: note(machine, stream, done, 7))
    stream.wait()
    assert done == []
    for _ in range(3):
        recorded.launch()
    stream.wait()
    assert done == [7, 7, 7]
    recorded.close()
    stream.close()
    assert machine.live == 0


def test_what_breaks_a_recording_is_raised_and_the_stream_goes_on(machine: FakeDriver, driver: Driver) -> None:
    stream, done = Stream(driver, urgent=True), list[int]()

    def breaks() -> None:
        note(machine, stream, done, 1)
        stream.wait()

    def refuses() -> None:
        note(machine, stream, done, 1)
        raise DeviceError("no")

    with pytest.raises(CudaError, match=r"cuEventSynchronize: CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED \(900\)"):
        stream.record(breaks)
    with pytest.raises(DeviceError, match="no"):
        stream.record(refuses)
    for call in ("cuStreamBeginCapture_v2", "cuStreamEndCapture", "cuGraphInstantiateWithFlags"):
        machine.fail(call, OUT_OF_MEMORY)
        with pytest.raises(CudaError, match=call):
            stream.record(lambda: note(machine, stream, done, 1))
    note(machine, stream, done, 2)
    stream.wait()
    assert done == [2]
    stream.close()
    assert machine.live == 0


def test_a_stream_without_its_event_is_given_back(machine: FakeDriver, driver: Driver) -> None:
    machine.fail("cuEventCreate", OUT_OF_MEMORY)
    with pytest.raises(CudaError, match="cuEventCreate"):
        Stream(driver, urgent=True)
    assert machine.live == 0
