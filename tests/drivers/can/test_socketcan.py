"""The port over python-can: on a bus that fails on demand, and on python-can's virtual one."""

from __future__ import annotations

import errno
import os
import time
from collections import deque
from collections.abc import Iterator

import can
import pytest

from drivers.can.bus_off import TIMES
from drivers.can.link import CanLink
from drivers.can.open_port import open_can
from drivers.can.port import CanFrame, CanHealth
from drivers.can.socketcan import ERROR_BUS_OFF, ERROR_RESTARTED, SocketCan
from interfaces.errors import BusTimeoutError, DeviceError, DeviceLostError

FRAME = CanFrame(0x123, b"\x01\x02")
GENEROUS_NS = 20_000_000_000


class FailingBus:
    """A bus of python-can: a pipe is readable while a message is there; errors are raised in turn."""

    def __init__(self) -> None:
        self.sent: list[can.Message] = []
        self.send_errors: deque[Exception] = deque()
        self.receive_errors: deque[Exception] = deque()
        self.n_closed = 0
        self._messages: deque[can.Message] = deque()
        self._read, self._write = os.pipe()

    def arrive(self, *messages: can.Message) -> None:
        self._messages.extend(messages)
        os.write(self._write, b"x" * len(messages))

    def fail_to_receive(self, error: Exception) -> None:
        self.receive_errors.append(error)
        os.write(self._write, b"x")

    def send(self, msg: can.Message, timeout: float | None = None) -> None:
        assert timeout is None, "a time-out of python-can's runs on the wall clock"
        if self.send_errors:
            raise self.send_errors.popleft()
        self.sent.append(msg)

    def recv(self, timeout: float | None = None) -> can.Message | None:
        assert timeout == 0
        os.read(self._read, 1)
        if self.receive_errors:
            raise self.receive_errors.popleft()
        return self._messages.popleft()

    def fileno(self) -> int:
        return self._read

    def shutdown(self) -> None:
        self.n_closed += 1
        os.close(self._read)
        os.close(self._write)


def link(restart_ms: int = 100) -> CanLink:
    return CanLink(name="can0", kind="can", is_up=True, bitrate_hz=1_000_000, restart_ms=restart_ms)


@pytest.fixture
def bus() -> FailingBus:
    return FailingBus()


@pytest.fixture
def port(bus: FailingBus) -> Iterator[SocketCan]:
    port = SocketCan("can0", bus, link())
    yield port
    port.close()


def soon() -> int:
    return time.monotonic_ns() + GENEROUS_NS


def full() -> can.CanOperationError:
    return can.CanOperationError("Failed to transmit: No buffer space available", errno.ENOBUFS)


def data(can_id: int = 0x123, content: bytes = b"\x01\x02") -> can.Message:
    return can.Message(arbitration_id=can_id, is_extended_id=False, data=content)


def error(kind: int) -> can.Message:
    return can.Message(arbitration_id=kind, is_error_frame=True, data=bytes(8))


@pytest.mark.parametrize(
    "frame",
    [
        FRAME,
        CanFrame(0),
        CanFrame(0x1ABCDEF0, b"12345678", extended=True),
        CanFrame(0x123, remote=True),
        CanFrame(0x1ABCDEF0, bytes(4), extended=True, remote=True),
    ],
)
def test_a_frame_comes_back_as_it_was_sent(port: SocketCan, bus: FailingBus, frame: CanFrame) -> None:
    port.send([frame])
    bus.arrive(*bus.sent)
    assert port.receive(soon()) == frame
    assert bus.sent[0].is_extended_id is frame.extended
    assert bus.sent[0].is_remote_frame is frame.remote


def test_nothing_in_time_is_none(port: SocketCan) -> None:
    assert port.receive(0) is None
    t_deadline_ns = time.monotonic_ns() + 1_000_000
    assert port.receive(t_deadline_ns) is None
    assert port.now_ns() >= t_deadline_ns


def test_error_frames_are_counted_and_not_returned(port: SocketCan, bus: FailingBus) -> None:
    bus.arrive(error(0x04), error(0x88), data())
    assert port.receive(soon()) == FRAME
    assert port.health() == CanHealth(error_frames=2, bus_off=0, queue_full=0)


def test_what_arrived_is_thrown_away_and_errors_still_counted(port: SocketCan, bus: FailingBus) -> None:
    bus.arrive(data(1), error(0x04), data(2))
    port.discard()
    assert port.receive(0) is None
    assert port.health().error_frames == 1


def test_a_full_queue_is_waited_for(port: SocketCan, bus: FailingBus) -> None:
    bus.send_errors.extend([full(), full(), can.CanOperationError("Transmit buffer full")])
    port.send([FRAME, CanFrame(0x124)])
    assert [message.arbitration_id for message in bus.sent] == [0x123, 0x124]
    assert port.health().queue_full == 1


def test_a_queue_that_stays_full_is_a_time_out_with_the_remedy(port: SocketCan, bus: FailingBus) -> None:
    bus.send_errors.extend(full() for _ in range(10_000))
    with pytest.raises(BusTimeoutError, match=r"can0: no room in the queue .* nobody acknowledges .* txqueuelen"):
        port.send([FRAME])
    assert bus.sent == []


def test_an_interface_that_goes_down_is_named_with_the_remedy(port: SocketCan, bus: FailingBus) -> None:
    remedy = "can0 is down: ip link set can0 up type can bitrate 1000000 restart-ms 100"
    bus.send_errors.append(can.CanOperationError("Failed to transmit", errno.ENETDOWN))
    with pytest.raises(DeviceLostError, match=remedy):
        port.send([FRAME])
    bus.fail_to_receive(can.CanOperationError("Error receiving", errno.ENETDOWN))
    with pytest.raises(DeviceLostError, match=remedy):
        port.receive(soon())


@pytest.mark.parametrize("number", [errno.ENODEV, errno.ENXIO, errno.EBADF])
def test_an_interface_that_goes_is_lost(port: SocketCan, bus: FailingBus, number: int) -> None:
    bus.send_errors.append(can.CanOperationError("gone", number))
    with pytest.raises(DeviceLostError, match="can0 is gone"):
        port.send([FRAME])
    bus.fail_to_receive(OSError(number, "gone"))
    with pytest.raises(DeviceLostError, match="can0 is gone"):
        port.receive(soon())


def test_any_other_trouble_is_a_device_error(port: SocketCan, bus: FailingBus) -> None:
    bus.send_errors.append(can.CanOperationError("Failed to transmit: Invalid argument", errno.EINVAL))
    with pytest.raises(DeviceError, match="can0: Failed to transmit: Invalid argument") as raised:
        port.send([FRAME])
    assert not isinstance(raised.value, DeviceLostError | BusTimeoutError)


def test_off_the_bus_nothing_is_sent_until_the_kernel_has_restarted_it(port: SocketCan, bus: FailingBus) -> None:
    bus.arrive(error(ERROR_BUS_OFF))
    assert port.receive(0) is None
    with pytest.raises(BusTimeoutError, match="can0 is off the bus"):
        port.send([FRAME])
    assert bus.sent == []
    bus.arrive(data(7, b""), error(ERROR_RESTARTED), data(8, b""))
    port.send([FRAME])
    assert len(bus.sent) == 1
    # What arrived meanwhile was not lost over looking for the restart.
    assert [port.receive(0), port.receive(0), port.receive(0)] == [CanFrame(7), CanFrame(8), None]
    assert port.health().bus_off == 1


def test_a_controller_that_stays_off_is_lost_at_once_with_the_remedy(bus: FailingBus) -> None:
    port = SocketCan("can0", bus, link(restart_ms=0))
    bus.arrive(error(ERROR_BUS_OFF))
    with pytest.raises(DeviceLostError, match=r"stays off: .* restart-ms 100"):
        port.receive(0)
    port.close()


def test_a_controller_that_leaves_again_and_again_is_lost(port: SocketCan, bus: FailingBus) -> None:
    for _ in range(TIMES):
        bus.arrive(error(ERROR_BUS_OFF), error(ERROR_RESTARTED))
        assert port.receive(0) is None
    bus.arrive(error(ERROR_BUS_OFF))
    with pytest.raises(DeviceLostError, match="in a row"):
        port.receive(0)


def test_closed_is_lost_and_closing_twice_no_error(port: SocketCan, bus: FailingBus) -> None:
    port.close()
    port.close()
    assert bus.n_closed == 1
    for call in (lambda: port.send([FRAME]), lambda: port.receive(0), port.discard):
        with pytest.raises(DeviceLostError, match="can0 is closed"):
            call()


def test_two_ports_on_a_virtual_bus_hear_each_other_and_not_themselves() -> None:
    one, two = (open_can("virtual:test_socketcan", 1_000_000) for _ in range(2))
    one.send([FRAME, CanFrame(2)])
    assert [two.receive(soon()), two.receive(soon()), two.receive(0)] == [FRAME, CanFrame(2), None]
    assert one.receive(0) is None
    two.send([CanFrame(3)])
    one.discard()
    assert one.receive(0) is None
    one.close()
    two.close()
