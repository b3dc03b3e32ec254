"""A serial port with deadlines: what the drivers of serial buses write to and read from, and how a real one is opened.

Every call raises DeviceLostError once the port is gone.
"""

from __future__ import annotations

import fcntl
import logging
import os
import select
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import serial

from drivers.serial.troubles import latency_advice, open_error
from interfaces.errors import BusTimeoutError, DeviceLostError

_log = logging.getLogger(__name__)
WRITE_TIMEOUT_NS = 20_000_000


class BytePort(Protocol):
    """Bytes out, bytes in until a deadline, and the clock that the deadline is told by."""

    def now_ns(self) -> int:
        """Return the instant on the clock of this port."""
        ...

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        ...

    def read(self, count: int, t_deadline_ns: int) -> bytes:
        """Return `count` bytes, or fewer when no more arrived in time."""
        ...

    def discard(self) -> None:
        """Throw away what arrived and was not read."""
        ...

    def close(self) -> None:
        """Close the port; closing twice is no error."""
        ...


PortOpener = Callable[[str, int], BytePort]  # (path, baud_hz)


class SerialPort:
    """A serial port of the operating system, for this process alone.

    `path` may be a link, as those of /dev/serial/by-id, which follow an adapter to another socket: it is followed when the
    port is opened, so opening again after an unplug finds the adapter where it is now.
    """

    def __init__(self, path: str, baud_hz: int) -> None:
        """Open the port; raises DeviceLostError when it is not there, DeviceError when it cannot be had."""
        self._path = path
        self._port = _open(path, baud_hz)
        self._fd = self._port.fileno()

    def now_ns(self) -> int:
        """Return the monotonic clock."""
        return time.monotonic_ns()

    def write(self, data: bytes) -> None:
        """Send all of `data`; a full buffer is waited for, but not for long."""
        t_deadline_ns = time.monotonic_ns() + WRITE_TIMEOUT_NS
        rest = data
        try:
            while rest := rest[self._write_some(rest) :]:
                remaining_s = (t_deadline_ns - time.monotonic_ns()) * 1e-9
                if remaining_s <= 0 or not select.select([], [self._fd], [], remaining_s)[1]:
                    raise BusTimeoutError(f"{self._path}: {len(rest)} of {len(data)} bytes could not be sent in time")
        except (OSError, ValueError) as error:  # ValueError: closed by ourselves
            raise DeviceLostError(f"{self._path} is gone: {error}") from error

    def read(self, count: int, t_deadline_ns: int) -> bytes:
        """Return `count` bytes, or fewer when no more arrived in time."""
        received = b""
        try:
            while True:
                remaining_s = max(0, t_deadline_ns - time.monotonic_ns()) * 1e-9
                if not select.select([self._fd], [], [], remaining_s)[0]:
                    return received
                chunk = os.read(self._fd, count - len(received))
                if not chunk:
                    raise DeviceLostError(f"{self._path} is gone: it ended")
                received += chunk
                if len(received) >= count:
                    return received
        except (OSError, ValueError) as error:  # ValueError: closed by ourselves
            raise DeviceLostError(f"{self._path} is gone: {error}") from error

    def discard(self) -> None:
        """Throw away what arrived and was not read."""
        try:
            termios.tcflush(self._fd, termios.TCIFLUSH)
        except (termios.error, OSError, ValueError) as error:
            raise DeviceLostError(f"{self._path} is gone: {error}") from error

    def close(self) -> None:
        """Close the port."""
        if self._fd < 0:
            return
        with suppress(OSError):
            fcntl.ioctl(self._fd, termios.TIOCNXCL)
        self._fd = -1
        with suppress(OSError, termios.error):
            self._port.close()

    def _write_some(self, data: bytes) -> int:
        try:
            return os.write(self._fd, data)
        except BlockingIOError:
            return 0


def _open(path: str, baud_hz: int) -> serial.Serial:
    try:
        port = serial.Serial(path, baud_hz, timeout=0, exclusive=True)
    except (serial.SerialException, OSError, ValueError) as error:
        raise open_error(path, baud_hz, error) from error
    try:
        # flock, which pyserial takes, stops only those who ask for it; this stops every later open.
        fcntl.ioctl(port.fileno(), termios.TIOCEXCL)
        port.reset_input_buffer()
    except (OSError, termios.error) as error:  # unplugged between the two
        with suppress(OSError, termios.error):
            port.close()
        raise open_error(path, baud_hz, OSError(*error.args)) from error
    # FTDI adapters keep bytes for 16 ms otherwise; others, and ptys, neither need nor know it.
    with suppress(ValueError, OSError, NotImplementedError):
        port.set_low_latency_mode(True)
    advice = latency_advice(path)
    if advice is not None:
        _log.warning(advice)
    return port
