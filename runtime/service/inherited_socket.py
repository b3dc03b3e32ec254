"""A listening socket that systemd made and handed over (socket activation), looked at before it is believed. Source: sd_listen_fds(3)."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from interfaces.errors import RefusedError

_FIRST_FD = 3


def inherited_socket(fd: int, environment: Mapping[str, str] = os.environ) -> socket.socket:
    """Return the listening AF_UNIX SOCK_SEQPACKET socket at `fd`, which systemd handed to this very process.

    Raises RefusedError where systemd says otherwise, or the descriptor is something else.
    """
    n_fds, pid = environment.get("LISTEN_FDS", ""), environment.get("LISTEN_PID", "")
    if not (n_fds.isdecimal() and pid.isdecimal()):
        raise RefusedError(f"--listen-fd {fd}: systemd handed over no sockets (LISTEN_FDS is not set)")
    if int(pid) != os.getpid():
        raise RefusedError(f"--listen-fd {fd}: its sockets were for process {pid} (LISTEN_PID), this is {os.getpid()}")
    if not _FIRST_FD <= fd < _FIRST_FD + int(n_fds):
        last = _FIRST_FD + int(n_fds) - 1
        raise RefusedError(f"--listen-fd {fd}: systemd handed over {_FIRST_FD}..{last} (LISTEN_FDS={n_fds})")
    return listening_socket(fd)


def listening_socket(fd: int) -> socket.socket:
    """Return the listening AF_UNIX SOCK_SEQPACKET socket at `fd`; raises RefusedError where it is anything else."""
    try:
        taken = socket.socket(fileno=fd)
    except OSError as error:
        raise RefusedError(f"descriptor {fd} is no socket: {error.strerror}") from error
    if taken.family != socket.AF_UNIX or taken.type != socket.SOCK_SEQPACKET:
        found = f"{socket.AddressFamily(taken.family).name} {socket.SocketKind(taken.type).name}"
        taken.detach()  # whose it is, we do not know
        raise RefusedError(f"descriptor {fd} is {found}; expected AF_UNIX SOCK_SEQPACKET (ListenSequentialPacket=)")
    if not taken.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        taken.detach()
        raise RefusedError(f"descriptor {fd} is a socket that does not listen; expected one with Accept=no")
    os.set_inheritable(fd, False)  # noqa: FBT003 - the library's own signature
    return taken
