"""Sockets that systemd hands over, and everything that only looks like one."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from interfaces.errors import RefusedError
from runtime.service.inherited_socket import inherited_socket


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Return what closes everything."""
    with ExitStack() as made:
        yield made


def handed_over(stack: ExitStack, family: int, kind: int, *, listens: bool) -> int:
    """Return the descriptor of a socket as systemd would make it; whoever takes it over may close it."""
    made = socket.socket(family, kind)
    if listens and family == socket.AF_UNIX:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="forerun"))
        made.bind(str(Path(folder) / "command.sock"))
    if listens:
        made.listen(1)
    return made.detach()


def environment(fd: int, *, pid: int | None = None) -> dict[str, str]:
    return {"LISTEN_FDS": str(fd - 2), "LISTEN_PID": str(pid or os.getpid())}


def test_what_systemd_made_is_taken_and_no_child_gets_it(stack: ExitStack) -> None:
    fd = handed_over(stack, socket.AF_UNIX, socket.SOCK_SEQPACKET, listens=True)
    os.set_inheritable(fd, True)  # noqa: FBT003 - the library's own signature
    taken = stack.enter_context(inherited_socket(fd, environment(fd)))
    assert taken.fileno() == fd
    assert not taken.get_inheritable()


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"LISTEN_FDS": ""}, "LISTEN_FDS is not set"),
        ({"LISTEN_PID": "many"}, "handed over no sockets"),
        ({"LISTEN_PID": "1"}, r"for process 1 \(LISTEN_PID\), this is"),
        ({"LISTEN_FDS": "0"}, r"handed over 3\.\.2"),
    ],
)
def test_what_systemd_did_not_hand_to_us_is_refused(stack: ExitStack, changed: dict[str, str], why: str) -> None:
    fd = handed_over(stack, socket.AF_UNIX, socket.SOCK_SEQPACKET, listens=True)
    with pytest.raises(RefusedError, match=why):
        inherited_socket(fd, environment(fd) | changed)
    os.fstat(fd)  # it is not ours to close
    os.close(fd)


@pytest.mark.parametrize(
    ("family", "kind", "listens", "why"),
    [
        (socket.AF_UNIX, socket.SOCK_STREAM, True, "is AF_UNIX SOCK_STREAM"),
        (socket.AF_UNIX, socket.SOCK_DGRAM, False, "is AF_UNIX SOCK_DGRAM"),
        (socket.AF_INET, socket.SOCK_STREAM, True, "is AF_INET SOCK_STREAM"),
        (socket.AF_UNIX, socket.SOCK_SEQPACKET, False, "does not listen"),
    ],
)
def test_another_kind_of_socket_is_refused(
    stack: ExitStack, family: int, kind: int, *, listens: bool, why: str
) -> None:
    fd = handed_over(stack, family, kind, listens=listens)
    with pytest.raises(RefusedError, match=why):
        inherited_socket(fd, environment(fd))
    os.fstat(fd)
    os.close(fd)


def test_a_file_and_nothing_at_all_are_refused(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file, pytest.raises(RefusedError, match="is no socket"):
        inherited_socket(file.fileno(), environment(file.fileno()))
    with pytest.raises(RefusedError, match="is no socket: Bad file descriptor"):
        inherited_socket(999, environment(999))
