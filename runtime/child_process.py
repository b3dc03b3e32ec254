"""One process that another looks after: started, listened to, asked to end, and started again when it died.

It leads a session of its own, so that a terminal's Ctrl-C reaches only whoever looks after it, and it is asked to end (SIGTERM)
by the kernel when that process dies, whatever kills it: an arm then brakes and holds instead of moving on unattended.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
_READ_BYTES = 65536
_LINE_MAX_BYTES = 2000  # what never ends its line is cut

_PAUSE_NS = 500_000_000
_PAUSE_MAX_NS = 8_000_000_000  # the arm holds meanwhile: nobody is in a hurry, and a log should stay readable
_STABLE_NS = 30_000_000_000  # what ran for so long did not die of how it was started


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessPlan:
    """A row of the table of processes."""

    name: str
    command: tuple[str, ...]
    essential: bool  # when it is not started again, everything ends
    restarts_max: int | None  # in a row; None: as often as it takes
    stop_s: float  # to end when asked to; then it is killed


class BackOff:
    """How long to wait before what died is started again: twice as long each time, until it has run well for a while."""

    def __init__(self, restarts_max: int | None) -> None:
        """Allow so many restarts in a row; None allows any number."""
        self._restarts_max = restarts_max
        self._restarts = 0

    def pause_ns(self, ran_ns: int) -> int | None:
        """Return the pause after a run of `ran_ns`, or None where it is not to be started again."""
        if ran_ns >= _STABLE_NS:
            self._restarts = 0
        if self._restarts_max is not None and self._restarts >= self._restarts_max:
            return None
        self._restarts += 1
        return min(_PAUSE_NS << min(self._restarts - 1, 16), _PAUSE_MAX_NS)


class ChildProcess:
    """One running process; what it says comes line by line through a pipe that never blocks us."""

    def __init__(self, command: tuple[str, ...], folder: Path) -> None:
        """Start it with `folder` as its working directory; raises OSError where it cannot be."""
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - one thread only, so no lock can be held at the fork
        )
        assert self._process.stdout is not None
        self._pipe_fd = self._process.stdout.fileno()
        os.set_blocking(self._pipe_fd, False)
        self._partial = b""
        self.silent = False  # it closed its end of the pipe

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._process.pid

    def fileno(self) -> int:
        """Return the descriptor that is readable when it said something, or ended."""
        return self._pipe_fd

    def status(self) -> int | None:
        """Return its exit status, negative for the signal that killed it; None while it runs."""
        return self._process.poll()

    def read_lines(self) -> list[str]:
        """Return the lines it said since the last look; once it has ended, also one it did not finish."""
        ended = self.status() is not None
        data = self._partial + (b"" if self.silent else self._read())
        *lines, self._partial = data.split(b"\n")
        if self._partial and (ended or len(self._partial) > _LINE_MAX_BYTES):
            lines.append(self._partial)
            self._partial = b""
        return [line[:_LINE_MAX_BYTES].decode(errors="replace").rstrip() for line in lines]

    def ask_to_end(self) -> None:
        """Send SIGTERM."""
        self._process.terminate()

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()

    def close(self) -> None:
        """Let go of its pipe."""
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read(self) -> bytes:
        """Return what is there, but not all of what one that never pauses could say."""
        data = b""
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._pipe_fd, _READ_BYTES)
            self.silent = not data
        return data


def _die_with(parent_pid: int) -> Callable[[], None]:
    """Return what a new process does first: ask the kernel for SIGTERM at its parent's death. Lost where it gets file capabilities."""

    def ask() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent_pid:  # it died in between
            sys.exit(1)

    return ask
