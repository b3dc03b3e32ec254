"""How a person reaches the command process: one datagram asks, one answers; nothing here waits on the robot's side.

A datagram needs no connection, so a dead or slow asker costs the loop nothing, and an emergency stop is one system call away.
"""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from interfaces.command_report import REPORT_BYTES, CommandReport, decode_report
from interfaces.errors import DeviceError, ProtocolError, RefusedError
from interfaces.operator_wire import (
    ANSWER_BYTES,
    ORDER_BYTES,
    OperatorAnswer,
    OperatorOrder,
    Order,
    decode_answer,
    decode_order,
    encode_answer,
    encode_order,
)

T = TypeVar("T")

_PASSED_OVER_MAX = 64  # datagrams a period; the kernel queues 10 to 512 of them


class OperatorListener:
    """The command process's end. Whoever may write to the socket's file may stop the arm: its group."""

    def __init__(self, path: Path) -> None:
        """Listen at `path`; raises RefusedError where that cannot be. The caller makes sure that no other process does."""
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(0.0)
        try:
            path.unlink(missing_ok=True)
            self._socket.bind(str(path))
            path.chmod(0o660)
        except OSError as error:
            self._socket.close()
            raise RefusedError(f"cannot listen at {path}: {error.strerror or error}") from error
        self._asker: bytes | str | None = None

    def receive(self) -> OperatorOrder | None:
        """Return the next order, or None; what is none is passed over, so that it does not stand in an order's way for long."""
        with contextlib.suppress(OSError):
            for _ in range(_PASSED_OVER_MAX):
                data, self._asker = self._socket.recvfrom(ORDER_BYTES + 1)
                with contextlib.suppress(ProtocolError):
                    return decode_order(data)
        return None

    def answer(self, answer: OperatorAnswer) -> None:
        """Answer the order received last, if its asker can still be reached."""
        self.reply(encode_answer(answer))

    def reply(self, data: bytes | memoryview) -> None:
        """Send a message to whoever gave the order received last, if they can still be reached."""
        if self._asker:
            with contextlib.suppress(OSError):
                self._socket.sendto(data, self._asker)

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()
        self._path.unlink(missing_ok=True)


class OperatorAsker:
    """The other end: a person's terminal, or whatever a button is wired to."""

    def __init__(self, path: Path) -> None:
        """Reach the command process that listens at `path`; raises DeviceError where none does."""
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(0.0)
        self._socket.bind("")  # an address of its own, in the abstract namespace: it leaves no file behind
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise DeviceError(f"no command process at {path}: {error.strerror}") from error

    def send(self, order: OperatorOrder) -> None:
        """Give an order, without waiting; raises DeviceError where it cannot be given."""
        try:
            self._socket.send(encode_order(order))
        except OSError as error:
            raise DeviceError(f"the command process at {self._path} takes no order: {error.strerror}") from error

    def receive(self, timeout_s: float) -> OperatorAnswer | None:
        """Return the next answer, or None when none comes in time; raises DeviceError for what is none."""
        return self._receive(decode_answer, ANSWER_BYTES, timeout_s)

    def receive_report(self, timeout_s: float) -> CommandReport | None:
        """Return the next report, which Order.REPORT asks for, like `receive`."""
        return self._receive(decode_report, REPORT_BYTES, timeout_s)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _receive(self, decode: Callable[[bytes], T], size_bytes: int, timeout_s: float) -> T | None:
        if not _readable(self._socket, timeout_s):
            return None
        try:
            return decode(self._socket.recv(size_bytes + 1))
        except (OSError, ProtocolError) as error:
            raise DeviceError(f"the command process at {self._path} answers strangely: {error}") from error


def ask(path: Path, order: OperatorOrder, timeout_s: float = 2.0) -> OperatorAnswer:
    """Give an order to the command process that listens at `path`; raises DeviceError where nobody answers in time."""
    with contextlib.closing(OperatorAsker(path)) as asker:
        asker.send(order)
        answer = asker.receive(timeout_s)
    if answer is None:
        raise DeviceError(f"the command process at {path} did not answer within {timeout_s:g} s")
    return answer


def ask_report(path: Path, timeout_s: float = 2.0) -> CommandReport:
    """Return what the command process that listens at `path` tells of itself; raises DeviceError where nobody answers in time."""
    with contextlib.closing(OperatorAsker(path)) as asker:
        asker.send(OperatorOrder(order=Order.REPORT))
        report = asker.receive_report(timeout_s)
    if report is None:
        raise DeviceError(f"the command process at {path} did not answer within {timeout_s:g} s")
    return report


def _readable(connection: socket.socket, timeout_s: float) -> bool:
    """Return whether there is something to read, in time; unlike select, whatever the number of the descriptor."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(max(0.0, timeout_s) * 1000))
