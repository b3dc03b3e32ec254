"""How a process tells the recorder: messages that are sent at once or not at all.

Standard library only: the command process imports this.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path

from interfaces.flight_wire import MAX_MESSAGE

_RECONNECT_NS = 500_000_000
_BUFFER_BYTES = 4 * 1024 * 1024  # asked for; the kernel grants what net.core.wmem_max allows, by default 0.4 MB


class FlightFeed:
    """The sending end of the flight record. What the recorder has no room for, or nobody listens to, is dropped and counted."""

    def __init__(self, path: Path) -> None:
        """Set up for the recorder that listens at `path`, now or later."""
        self.dropped = 0
        self._path = str(path)
        self._recorder: socket.socket | None = None
        self._t_retry_ns: int | None = None
        self._lock = threading.Lock()  # threads share a feed; held for one system call that never waits

    def send(self, data: bytes | bytearray | memoryview, t_now_ns: int) -> bool:
        """Send one message, without ever waiting; return whether it was sent."""
        with self._lock:
            sent = self._reach(t_now_ns) and self._hand_over(data)
            self.dropped += not sent
        return sent

    def close(self) -> None:
        """Hang up; what was sent still arrives."""
        with self._lock:
            self._hang_up()

    def _reach(self, t_now_ns: int) -> bool:
        """Return whether there is a connection; look for the recorder where there is none, and not at every message."""
        if self._recorder is not None:
            return True
        if self._t_retry_ns is not None and t_now_ns < self._t_retry_ns:
            return False
        self._t_retry_ns = t_now_ns + _RECONNECT_NS
        fresh = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            fresh.setblocking(False)  # noqa: FBT003 - the library's own signature
            fresh.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
            fresh.connect(self._path)
        except OSError:  # nobody there, or one that does not accept: a stopped recorder
            fresh.close()
            return False
        self._recorder = fresh
        return True

    def _hand_over(self, data: bytes | bytearray | memoryview) -> bool:
        if self._recorder is None or len(data) > MAX_MESSAGE:
            return False
        try:
            self._recorder.send(data)
        except BlockingIOError:  # the recorder is behind, or stopped
            return False
        except OSError:  # it is gone
            self._hang_up()
            return False
        return True

    def _hang_up(self) -> None:
        if self._recorder is not None:
            with contextlib.suppress(OSError):
                self._recorder.close()
            self._recorder = None
