"""The link between policy and command process: one AF_UNIX SOCK_SEQPACKET connection, messages of one size, the newest wins.

The command process listens, so that it can be there first and stay; end of file is the news that the policy died. Nothing here
blocks the command process: what cannot be sent at once is dropped, because the next one is newer anyway.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from interfaces.errors import ProtocolError, RefusedError
from interfaces.messages import ActionChunk
from interfaces.wire import (
    CHUNK_LAYOUT,
    STATUS_LAYOUT,
    CommandStatus,
    decode_chunk,
    decode_status,
    encode_chunk,
    encode_status,
)
from runtime.listening import claim, listen

_DRAIN_MAX = 64  # messages read at once; the kernel queues fewer, so only a flood meets this
_RECONNECT_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What came over the link since the last look."""

    chunk: ActionChunk | None = None  # the newest
    gone: bool = False  # the policy that was connected is not any more
    rejected: str | None = None  # what was wrong with a message that was none


class CommandListener:
    """The command process's end: one policy at a time; a newer connection replaces the older."""

    def __init__(self, path: Path, inherited: socket.socket | None = None) -> None:
        """Listen at `path`, by a socket of our own or by one that systemd made there.

        Raises RefusedError where another process listens there, or systemd's socket is elsewhere.
        """
        if inherited is not None and not _is_at(inherited, path):
            raise RefusedError(f"systemd listens at {inherited.getsockname()}, the robot file says {path.absolute()}")
        self._lock_fd: int | None = claim(path, "command process")
        self._path = path if inherited is None else None  # systemd's stays when we end
        try:
            self._listening = inherited or listen(path)
        except RefusedError:
            os.close(self._lock_fd)
            raise
        self._listening.settimeout(0.0)
        self._policy: socket.socket | None = None

    @property
    def connected(self) -> bool:
        """Return whether a policy is connected."""
        return self._policy is not None

    @property
    def handed_over(self) -> bool:
        """Return whether the socket is systemd's, which starts the process again whenever a policy connects."""
        return self._path is None

    def receive(self) -> Received:
        """Return what is new; never blocks."""
        replaced = self._accept()
        if self._policy is None:
            return Received(gone=replaced)
        messages, ended = _drain(self._policy, CHUNK_LAYOUT.itemsize)
        if ended:
            self._hang_up()
            return Received(gone=True)
        chunk, rejected = _newest_chunk(messages)
        return Received(chunk=chunk, gone=replaced, rejected=rejected)

    def send_status(self, status: CommandStatus) -> bool:
        """Tell the policy, if there is one that listens; returns whether it was told."""
        if self._policy is None:
            return False
        try:
            self._policy.send(encode_status(status))
        except OSError:  # full, or dead: receive() will know
            return False
        return True

    def close(self) -> None:
        """Hang up and stop listening."""
        self._hang_up()
        self._listening.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    def _accept(self) -> bool:
        """Take the newest waiting connection; return whether it replaced another."""
        replaced = False
        with contextlib.suppress(BlockingIOError):
            while True:
                newer, _ = self._listening.accept()
                newer.settimeout(0.0)
                replaced = replaced or self.connected
                self._hang_up()
                self._policy = newer
        return replaced

    def _hang_up(self) -> None:
        if self._policy is not None:
            self._policy.close()
            self._policy = None


class PolicyLink:
    """The policy process's end: connects, and connects again, by itself. For one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._command: socket.socket | None = None
        self._connect()

    @property
    def connected(self) -> bool:
        """Return whether the command process was there at the last call."""
        return self._command is not None

    def send_chunk(self, chunk: ActionChunk) -> bool:
        """Propose a chunk; returns whether it was sent: with nobody there, or its buffer full of older ones, it is dropped."""
        if self._command is None and not self._connect():
            return False
        data = encode_chunk(chunk)
        try:
            if self._command is not None:
                self._command.send(data)
        except BlockingIOError:
            return False
        except OSError:
            self._hang_up()
            return False
        return True

    def wait_status(self, timeout_s: float) -> CommandStatus | None:
        """Return the newest status not yet returned, or None when none came in time."""
        if self._command is None and not self._connect():
            time.sleep(min(timeout_s, _RECONNECT_S))
            return None
        command = self._command
        if command is None or not _readable(command, timeout_s):
            return None
        messages, ended = _drain(command, STATUS_LAYOUT.itemsize)
        if ended:
            self._hang_up()
            return None
        for message in reversed(messages):
            with contextlib.suppress(ProtocolError):
                return decode_status(message)
        return None

    def close(self) -> None:
        """Hang up: to the command process, the policy is gone."""
        self._hang_up()

    def _connect(self) -> bool:
        fresh = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            fresh.settimeout(0.0)
            fresh.connect(str(self._path))
        except OSError:
            fresh.close()
            return False
        self._command = fresh
        return True

    def _hang_up(self) -> None:
        if self._command is not None:
            self._command.close()
            self._command = None


def _is_at(listening: socket.socket, path: Path) -> bool:
    return Path(listening.getsockname()).resolve() == path.resolve()


def _newest_chunk(messages: list[bytes]) -> tuple[ActionChunk | None, str | None]:
    """Return the newest chunk among the messages, and what was wrong with a newer one that is none."""
    rejected: str | None = None
    while messages:
        try:
            return decode_chunk(messages.pop()), rejected
        except ProtocolError as error:  # noqa: PERF203 - each message is judged by itself
            rejected = str(error)
    return None, rejected


def _drain(connection: socket.socket, size_bytes: int) -> tuple[list[bytes], bool]:
    """Return the waiting messages, oldest first, and whether the other end is gone."""
    messages: list[bytes] = []
    try:
        for _ in range(_DRAIN_MAX):
            message = connection.recv(size_bytes + 1)  # one more shows an oversize message as such
            if not message:
                return messages, True
            messages.append(message)
    except BlockingIOError:
        pass
    except OSError:
        return messages, True
    return messages, False


def _readable(connection: socket.socket, timeout_s: float) -> bool:
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(max(0.0, timeout_s) * 1000))
