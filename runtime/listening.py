"""Listening on a socket file: one process at a time, and what a dead one left behind is replaced."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from pathlib import Path

from interfaces.errors import RefusedError

_UNIX_SOCKETS = Path("/proc/net/unix")
_COLUMNS = 8
_ACCEPTS = 0x10000  # __SO_ACCEPTCON: it listens


def claim(path: Path, who: str) -> int:
    """Claim `path` for as long as this process lives, and return the lock's descriptor; asking whoever listens there would disturb it.

    Raises RefusedError where another process, `who` in words, has it.
    """
    fd = -1
    try:
        fd = os.open(
            path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )  # who may read it may lock it
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        raise RefusedError(f"cannot listen at {path}: another {who} does") from error
    except OSError as error:
        raise RefusedError(f"cannot listen at {path}: {error.strerror}") from error
    return fd


def listen(path: Path) -> socket.socket:
    """Return a socket that listens at `path`, which was claimed; raises RefusedError where that cannot be."""
    if _is_listened_at(path.resolve()):
        raise RefusedError(f"cannot listen at {path}: systemd does (systemctl stop forerun-command.socket)")
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        if path.is_socket():  # left over by a process that died: we have the lock
            path.unlink()
        listening.bind(str(path))
        path.chmod(0o600)  # processes of one user: who speaks here moves the arm, or writes its record
        listening.listen(4)
    except OSError as error:
        listening.close()
        raise RefusedError(f"cannot listen at {path}: {error.strerror or error}") from error
    return listening


def _is_listened_at(path: Path) -> bool:
    """Return whether a socket listens under exactly this absolute path, as systemd's do; asked of the kernel, which disturbs nobody.

    Ours are no matter: whoever has the lock is the only one of us, and what another left behind is in no table.
    """
    with contextlib.suppress(OSError):  # /proc is hidden from this process
        for line in _UNIX_SOCKETS.read_text(encoding="utf-8", errors="replace").splitlines():
            parts = line.split(maxsplit=7)  # number, references, protocol, flags, type, state, inode, path
            if len(parts) == _COLUMNS and parts[7] == str(path) and int(parts[3], 16) & _ACCEPTS:
                return True
    return False
