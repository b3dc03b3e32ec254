"""Where the recorder hears the other processes: a thread of its own empties the sockets, so that no sender finds one full.

It looks at them in a rhythm of its own instead of waiting for messages: waking somebody was measured to cost the sender more than
sending does (bench/flight_feed.py), and a socket's buffer holds some 80 periods.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections import Counter, deque
from pathlib import Path

from interfaces.flight_wire import KIND_CYCLE, KIND_FORESIGHT, KIND_INFERENCE, KIND_LINE, MAX_MESSAGE
from interfaces.wire import KIND_CHUNK, MAGIC
from runtime.listening import claim, listen
from runtime.service.pulse import Turns

_WAITING_MAX_BYTES = 32 * 1024 * 1024  # a minute of 200 Hz: longer than a disk ever stalls
_READS_MAX = 1000  # of one sender before the next has its turn
_LAST_ROUNDS = 20  # at the end: more than any buffer holds, and no flood keeps the recorder from ending
_LOOK_S = 0.01
_HEADER = struct.Struct("<IHHQ")  # magic, version, kind, sequence: HEADER of interfaces/wire.py

KIND_NAMES = {
    KIND_CYCLE: "cycle",
    KIND_CHUNK: "chunk",
    KIND_INFERENCE: "inference",
    KIND_FORESIGHT: "foresight",
    KIND_LINE: "line",
}
_COUNTED_BY_SENDER = {KIND_CYCLE, KIND_INFERENCE, KIND_FORESIGHT, KIND_LINE}  # a chunk's number is the policy's


def kind_of(data: bytes) -> tuple[int, int] | None:
    """Return kind and sequence of a message, or None where its header is none."""
    if len(data) < _HEADER.size:
        return None
    magic, _, kind, sequence = _HEADER.unpack_from(data)
    return (kind, sequence) if magic == MAGIC else None


class Inbox:
    """Takes messages from any number of senders; when nobody takes them out, the oldest go."""

    def __init__(self, path: Path, *, waiting_max_bytes: int = _WAITING_MAX_BYTES) -> None:
        """Listen at `path`; raises RefusedError where another recorder does."""
        self.received: Counter[str] = Counter()  # by kind
        self.dropped: Counter[str] = Counter()  # by kind: gaps in what the senders counted
        self.overflowed = 0  # messages that waited here for too long
        self.turns = Turns()
        self._path, self._waiting_max_bytes = path, waiting_max_bytes
        self._lock_fd = claim(path, "recorder")
        try:
            self._listening = listen(path)
        except BaseException:
            os.close(self._lock_fd)
            raise
        self._listening.setblocking(False)  # noqa: FBT003 - the library's own signature
        self._senders: list[socket.socket] = []
        self._buffer = bytearray(MAX_MESSAGE + 1)  # one more shows an oversize message as such
        self._newest: dict[tuple[int, int], int] = {}  # sequence by sender's descriptor and kind
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._lock = threading.Lock()  # around the two above
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="inbox", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Return whether it still listens."""
        return self._thread.is_alive()

    def take(self) -> deque[bytes]:
        """Return all that waits, oldest first."""
        with self._lock:
            taken, self._waiting, self._waiting_bytes = self._waiting, deque(), 0
        return taken

    def close(self) -> None:
        """Read what was sent, hang up, and stop listening."""
        self._stop.set()
        self._thread.join()
        for sender in self._senders:
            sender.close()
        self._listening.close()
        self._path.unlink(missing_ok=True)
        os.close(self._lock_fd)

    def _serve(self) -> None:
        while not self._stop.is_set():
            self._read_all()
            self.turns.ended()
            time.sleep(_LOOK_S)
        for _ in range(_LAST_ROUNDS):  # what was sent before the end
            before = sum(self.received.values())
            self._read_all()
            if sum(self.received.values()) == before:
                break

    def _read_all(self) -> None:
        self._accept()
        for sender in tuple(self._senders):
            if not self._read(sender):
                self._hang_up(sender)

    def _accept(self) -> None:
        while True:
            try:
                sender, _ = self._listening.accept()
            except OSError:  # nobody, or somebody gone before being greeted
                return
            sender.setblocking(False)  # noqa: FBT003 - the library's own signature
            self._senders.append(sender)

    def _read(self, sender: socket.socket) -> bool:
        """Read what one sender sent; return whether it is still there."""
        for _ in range(_READS_MAX):
            try:
                size = sender.recv_into(self._buffer)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if size == 0:
                return False
            self._keep(bytes(memoryview(self._buffer)[:size]), sender.fileno())
        return True

    def _keep(self, data: bytes, sender_fd: int) -> None:
        self._count(data, sender_fd)
        with self._lock:
            self._waiting.append(data)
            self._waiting_bytes += len(data)
            while self._waiting_bytes > self._waiting_max_bytes:
                self._waiting_bytes -= len(self._waiting.popleft())
                self.overflowed += 1

    def _count(self, data: bytes, sender_fd: int) -> None:
        header = kind_of(data)
        if header is None or header[0] not in KIND_NAMES:
            return  # whoever takes it out rejects it
        kind, sequence = header
        self.received[KIND_NAMES[kind]] += 1
        if kind in _COUNTED_BY_SENDER:
            before = self._newest.get((sender_fd, kind), sequence - 1)
            self.dropped[KIND_NAMES[kind]] += max(0, sequence - before - 1)
            self._newest[sender_fd, kind] = sequence

    def _hang_up(self, sender: socket.socket) -> None:
        for kind in _COUNTED_BY_SENDER:
            self._newest.pop((sender.fileno(), kind), None)
        self._senders.remove(sender)
        sender.close()
