"""Lines with fields for systemd's journal: one datagram each, never waited for. Source: systemd's Native Journal Protocol.

`journalctl -u forerun-command FORERUN_EVENT=state` then finds every change of state. Where standard error is not the journal's
(JOURNAL_STREAM), there is no journal to write to, and the caller says its line as before.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import struct
from collections.abc import Mapping
from pathlib import Path

SOCKET = Path("/run/systemd/journal/socket")
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))


class Journal:
    """The line to the journal of the unit that this process belongs to."""

    def __init__(
        self, identifier: str, environment: Mapping[str, str] = os.environ, path: Path = SOCKET, fd: int = 2
    ) -> None:
        """`identifier` is what the journal shows before each line. It is `there` only where the journal reads `fd`."""
        self._identifier = identifier
        self._path = str(path)
        self._socket = None
        if _is_journal(environment.get("JOURNAL_STREAM", ""), fd):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.settimeout(0.0)

    @property
    def there(self) -> bool:
        """Return whether lines go to a journal."""
        return self._socket is not None

    def say(self, line: str, level: int = logging.INFO, **fields: str) -> bool:
        """Write a line with its fields, `event="state"` becoming FORERUN_EVENT=state; return whether it was taken."""
        if self._socket is None:
            return False
        named = {f"FORERUN_{key.upper()}": value for key, value in fields.items()}
        known = {"MESSAGE": line, "PRIORITY": str(_priority(level)), "SYSLOG_IDENTIFIER": self._identifier}
        with contextlib.suppress(OSError):
            self._socket.sendto(b"".join(_field(key, value) for key, value in {**known, **named}.items()), self._path)
            return True
        return False


def _is_journal(stream: str, fd: int) -> bool:
    """Return whether `fd` is the stream that systemd says leads to the journal: a redirected one does not."""
    with contextlib.suppress(OSError):
        status = os.fstat(fd)
        return stream == f"{status.st_dev}:{status.st_ino}"
    return False


def _field(key: str, value: str) -> bytes:
    data = value.encode(errors="replace")
    if b"\n" not in data:
        return key.encode() + b"=" + data + b"\n"
    return key.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"


def _priority(level: int) -> int:
    return next((priority for least, priority in _PRIORITIES if level >= least), 7)
