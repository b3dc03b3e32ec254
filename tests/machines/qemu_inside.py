"""What a trial inside the virtual machine has: the line to the host, and patience that suits a slow machine."""

from __future__ import annotations

import os
import termios
import time
import tty
from collections.abc import Callable

from interfaces.errors import ForerunError

PATIENCE_S = 60.0
_POLL_S = 0.02


class HostLine:
    """The line to the host: what was seen goes out, and the host is asked for what only it can do."""

    def __init__(self, path: str = "/dev/ttyS1") -> None:
        """Open the second serial line."""
        self._fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._fd)
        termios.tcflush(self._fd, termios.TCIOFLUSH)
        self._reader = os.fdopen(os.dup(self._fd), "r", encoding="utf-8", newline="\n")

    def check(self, what: str, seen: object, *, ok: bool) -> None:
        """Report one step of a trial: what it is about, whether it went as it must, and what was seen."""
        self._say("ok" if ok else "failed", f"{what}: {seen}")

    def ask(self, order: str) -> None:
        """Let the host do something, and return once it is done; raises RuntimeError when it could not."""
        self.tell(order)
        self.await_done(order)

    def tell(self, order: str) -> None:
        """Let the host do something, and go on meanwhile."""
        self._say("do", order)

    def await_done(self, order: str) -> None:
        """Return once the host has done what it was told; raises RuntimeError when it could not."""
        answer = self._reader.readline().strip()
        if answer != "done":
            raise RuntimeError(f"the host was asked to {order!r} and said {answer!r}")

    def end(self) -> None:
        """Say that nothing more comes."""
        self._say("end", "")

    def _say(self, kind: str, text: str) -> None:
        os.write(self._fd, f"{kind} {' | '.join(text.splitlines())}\n".encode())


def wait_until(condition: Callable[[], bool], what: str) -> float:
    """Return how many seconds it took until `condition` held; raises TimeoutError naming `what`."""
    t_start_ns = time.monotonic_ns()
    while not condition():
        if time.monotonic_ns() - t_start_ns > PATIENCE_S * 1e9:
            raise TimeoutError(f"{what}: not within {PATIENCE_S:g} s")
        time.sleep(_POLL_S)
    return (time.monotonic_ns() - t_start_ns) * 1e-9


def error_of(act: Callable[[], object]) -> ForerunError | None:
    """Return what `act` raises, None where it succeeds."""
    try:
        act()
    except ForerunError as error:
        return error
    return None
