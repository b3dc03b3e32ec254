"""A sub-command of the front door as a person starts it, with or without a keyboard, and the processes that it starts in turn."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from interfaces.errors import DeviceError

PATIENCE_S = 60.0  # everything waited for takes a second or two, except on a machine that is busy otherwise

# A session leader takes its standard input as its terminal, and Ctrl-C for what it means, whoever started the tests with it ignored:
# both are what a terminal's program does before it starts a shell.
_TAKE_TERMINAL = (
    "import fcntl, os, signal, sys, termios; signal.signal(signal.SIGINT, signal.SIG_DFL);"
    " fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


class StartedForerun:
    """A started sub-command with everything it has said so far; a context manager that leaves nothing behind."""

    def __init__(self, folder: Path, *arguments: str, keyboard: bool = False) -> None:
        """Start it in `folder`; with a `keyboard`, on a terminal of its own."""
        command = [sys.executable, "-I", "-m", "forerun", *arguments]
        if keyboard:
            command = [sys.executable, "-I", "-c", _TAKE_TERMINAL, *command]
            self._fd, far_fd = pty.openpty()
            given = far_fd
        else:
            self._fd, far_fd = os.pipe()
            given = subprocess.DEVNULL
        self.process = subprocess.Popen(
            command, cwd=folder, stdin=given, stdout=far_fd, stderr=far_fd, start_new_session=True
        )
        os.close(far_fd)
        self.said = ""

    def __enter__(self) -> StartedForerun:
        """Return self."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Kill it and what it started, where they still run."""
        left = list(children_of(self.process.pid))
        self.process.kill()
        self.process.wait()
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.hang_up()

    @property
    def fileno(self) -> int:
        """Return our end of its terminal, or of the pipe it talks to."""
        return self._fd

    def hang_up(self) -> None:
        """Close our end of its terminal, or of the pipe it talks to."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def press(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._fd, keys)

    def wait_for(self, pattern: str, after: int = 0) -> int:
        """Return where a pattern it says ends, looked for from the position `after` on; raises DeviceError when it never does."""
        wait_until(lambda: self._says(pattern, after), lambda: f"never said {pattern!r}: {self.said}")
        found = re.compile(pattern).search(self.said, after)
        return found.end() if found else len(self.said)

    def wait(self) -> int:
        """Return its exit status once it ended; raises DeviceError when it does not."""
        wait_until(lambda: self._read() or self.process.poll() is not None, lambda: f"does not end: {self.said}")
        while self.process.poll() is None:
            wait_until(lambda: self._read() or self.process.poll() is not None, lambda: f"does not end: {self.said}")
        while self._read():
            pass
        return self.process.returncode

    def child(self, words: str) -> int:
        """Return the process id of the child whose command line holds `words`; raises DeviceError when there is none."""
        for pid, line in children_of(self.process.pid).items():
            if words in line:
                return pid
        raise DeviceError(f"no child {words!r} among {children_of(self.process.pid)}: {self.said}")

    def _says(self, pattern: str, after: int) -> bool:
        self._read()
        return re.compile(pattern).search(self.said, after) is not None

    def _read(self) -> bool:
        """Take what it said, waiting a moment for it; return whether there was anything."""
        if not select.select((self._fd,), (), (), 0.05)[0]:
            return False
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # a terminal with nobody at its other end any more
            return False
        self.said += data.decode(errors="replace")
        return bool(data)


def children_of(pid: int) -> dict[int, str]:
    """Return the direct children of a process that still run, by process id, with their command lines."""
    found: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it ended while we looked
                state, parent = (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[:2]
                if int(parent) == pid and state != "Z":
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


def runs(pid: int) -> bool:
    """Return whether a process runs; one that ended, and that nobody asked how, does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], what: Callable[[], str]) -> None:
    """Return once the condition holds; raises DeviceError with `what` when it does not in time."""
    t_end_ns = time.monotonic_ns() + round(PATIENCE_S * 1e9)
    while not condition():
        if time.monotonic_ns() > t_end_ns:
            raise DeviceError(what())
        time.sleep(0.02)
