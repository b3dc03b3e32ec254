"""The CanPort of the kernel's CAN interfaces, through python-can; its virtual buses, too, which have no kernel behind them.

Waits for the file descriptor, not with python-can's own time-outs, which run on the wall clock. What it counts: error frames
(Linux, include/uapi/linux/can/error.h), going off the bus, and a full queue.
"""

from __future__ import annotations

import errno
import select
import time
from collections import deque
from collections.abc import Sequence
from typing import Protocol

import can

from drivers.can.bus_off import BusOffBudget
from drivers.can.link import CanLink, remedy
from drivers.can.port import CanFrame, CanHealth
from interfaces.errors import BusTimeoutError, DeviceError, DeviceLostError

SEND_PATIENCE_NS = 5_000_000
FULL_STEP_S = 0.0002  # about two frames at 1 Mbit/s
ERROR_BUS_OFF, ERROR_RESTARTED = 0x40, 0x100
GONE = {errno.ENODEV, errno.ENXIO, errno.EBADF}


class MessageBus(Protocol):
    """What is used of can.BusABC."""

    def send(self, msg: can.Message, timeout: float | None = None) -> None:
        """Hand a message to the kernel."""
        ...

    def recv(self, timeout: float | None = None) -> can.Message | None:
        """Return a message, or None."""
        ...

    def fileno(self) -> int:
        """Return what to wait for; raises NotImplementedError where there is nothing."""
        ...

    def shutdown(self) -> None:
        """Close."""
        ...


class SocketCan:
    """One CAN interface, opened by drivers/can/open_port.py."""

    def __init__(self, name: str, bus: MessageBus, link: CanLink | None) -> None:
        """`link` is what the kernel knew of the interface at opening; None for a virtual bus."""
        self._name = name
        self._bus = bus
        self._bitrate_hz = link.bitrate_hz if link else None
        self._off = BusOffBudget(name, link.restart_ms if link else None)
        self._received: deque[CanFrame] = deque()  # while something else was looked for
        self._n_errors = self._n_full = 0
        self._is_closed = False
        try:
            self._fd: int | None = bus.fileno()
        except NotImplementedError:
            self._fd = None

    def now_ns(self) -> int:
        """Return the monotonic clock."""
        return time.monotonic_ns()

    def send(self, frames: Sequence[CanFrame]) -> None:
        """Queue all of `frames`; a full queue is waited for, but not for long."""
        if self._off.is_off:
            self._look_whether_back()
        t_deadline_ns = time.monotonic_ns() + SEND_PATIENCE_NS
        for frame in frames:
            self._send_one(_message(frame), t_deadline_ns)

    def receive(self, t_deadline_ns: int) -> CanFrame | None:
        """Return the next frame, or None when none arrived in time; error frames are counted."""
        while not self._received:
            message = self._next_message(t_deadline_ns)
            if message is None:
                self._off.require_hope(time.monotonic_ns())
                return None
            self._take(message)
        return self._received.popleft()

    def discard(self) -> None:
        """Throw away what arrived and was not received; errors among it are counted."""
        while (message := self._next_message(0)) is not None:
            self._take(message)
        self._received.clear()

    def health(self) -> CanHealth:
        """Return counts since the port was opened."""
        return CanHealth(error_frames=self._n_errors, bus_off=self._off.n_off, queue_full=self._n_full)

    def close(self) -> None:
        """Close the port."""
        if not self._is_closed:
            self._is_closed = True
            self._bus.shutdown()

    def _send_one(self, message: can.Message, t_deadline_ns: int) -> None:
        is_waiting = False
        while not self._fits(message):
            if not is_waiting:
                self._n_full += 1
                is_waiting = True
            if time.monotonic_ns() >= t_deadline_ns:
                raise BusTimeoutError(
                    f"{self._name}: no room in the queue for {SEND_PATIENCE_NS // 1_000_000} ms: nobody acknowledges"
                    f" (power, wiring, bit rate), or it is too short (ip link set {self._name} txqueuelen 128)"
                )
            # Not by poll: the socket is writable all the while, it is the interface's queue that is full.
            time.sleep(FULL_STEP_S)

    def _fits(self, message: can.Message) -> bool:
        self._require_open()
        try:
            self._bus.send(message)
        except (can.CanError, OSError) as error:
            # Without a number: python-can has found the socket's own buffer full.
            if _number(error) in {None, errno.ENOBUFS, errno.EAGAIN}:
                return False
            raise self._explain(error) from error
        return True

    def _next_message(self, t_deadline_ns: int) -> can.Message | None:
        """Return the next message of any kind by the deadline, or None."""
        self._require_open()
        try:
            while True:
                remaining_s = max(0, t_deadline_ns - time.monotonic_ns()) * 1e-9
                if self._fd is None:
                    return self._bus.recv(remaining_s)
                if not select.select([self._fd], [], [], remaining_s)[0]:
                    return None
                if (message := self._bus.recv(0)) is not None:
                    return message
        except (can.CanError, OSError, ValueError) as error:  # ValueError: a descriptor that is none any more
            raise self._explain(error) from error

    def _take(self, message: can.Message) -> None:
        if not message.is_error_frame:
            self._off.come_back()
            self._received.append(_frame(message))
            return
        self._n_errors += 1
        if message.arbitration_id & ERROR_BUS_OFF:
            self._off.leave(time.monotonic_ns())
        elif message.arbitration_id & ERROR_RESTARTED:
            self._off.come_back()

    def _look_whether_back(self) -> None:
        """Raise BusTimeoutError while the controller is off: what is sent now would be lost without a word."""
        while (message := self._next_message(0)) is not None:
            self._take(message)
        self._off.require_hope(time.monotonic_ns())
        if self._off.is_off:
            raise BusTimeoutError(f"{self._name} is off the bus; the kernel is to restart it")

    def _require_open(self) -> None:
        if self._is_closed:
            raise DeviceLostError(f"{self._name} is closed")

    def _explain(self, error: Exception) -> DeviceError:
        if _number(error) == errno.ENETDOWN:
            return DeviceLostError(f"{self._name} is down: {remedy(self._name, self._bitrate_hz)}")
        if _number(error) in GONE or isinstance(error, ValueError):
            return DeviceLostError(f"{self._name} is gone: {error}")
        return DeviceError(f"{self._name}: {error}")


def _number(error: Exception) -> int | None:
    return error.error_code if isinstance(error, can.CanError) else getattr(error, "errno", None)


def _message(frame: CanFrame) -> can.Message:
    return can.Message(
        arbitration_id=frame.can_id,
        is_extended_id=frame.extended,
        is_remote_frame=frame.remote,
        dlc=len(frame.data),
        data=None if frame.remote else frame.data,
    )


def _frame(message: can.Message) -> CanFrame:
    data = bytes(message.dlc) if message.is_remote_frame else bytes(message.data)
    return CanFrame(message.arbitration_id, data, message.is_extended_id, message.is_remote_frame)
