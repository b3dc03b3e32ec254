"""How a person reaches the command process: one datagram asks, one answers; nothing here waits on the robot's side.

A datagram needs no connection, so a dead or slow asker costs the loop nothing, and an emergency stop is one system call away.
"""

from __future__ import annotations

import contextlib
import select
import socket
from pathlib import Path

from interfaces.errors import DeviceError, ProtocolError, RefusedError
from interfaces.operator_wire import (
    ANSWER_BYTES,
    ORDER_BYTES,
    OperatorAnswer,
    OperatorOrder,
    decode_answer,
    decode_order,
    encode_answer,
    encode_order,
)

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
        if self._asker:
            with contextlib.suppress(OSError):
                self._socket.sendto(encode_answer(answer), self._asker)

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
        readable, _, _ = select.select((self._socket,), (), (), timeout_s)
        if not readable:
            return None
        try:
            return decode_answer(self._socket.recv(ANSWER_BYTES + 1))
        except (OSError, ProtocolError) as error:
            raise DeviceError(f"the command process at {self._path} answers strangely: {error}") from error

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def ask(path: Path, order: OperatorOrder, timeout_s: float = 2.0) -> OperatorAnswer:
    """Give an order to the command process that listens at `path`; raises DeviceError where nobody answers in time."""
    with contextlib.closing(OperatorAsker(path)) as asker:
        asker.send(order)
        answer = asker.receive(timeout_s)
    if answer is None:
        raise DeviceError(f"the command process at {path} did not answer within {timeout_s:g} s")
    return answer
