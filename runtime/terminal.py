"""The terminal of a person beside the robot: lines that stay, one live line below them, and keys that work without return.

Where there is no terminal (a file, a journal), lines are just written, and there are no keys.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import termios
from types import TracebackType
from typing import Any

_INPUT_FLAGS, _LOCAL_FLAGS, _CONTROL_CHARACTERS = 0, 3, 6  # places in what tcgetattr returns
_CLEAR_LINE = "\r\x1b[K"


class LiveLine:
    """Standard error, with a line that is rewritten; a context manager."""

    def __init__(self) -> None:
        """Find out whether there is a terminal."""
        self._live = sys.stderr.isatty()
        self._line = ""

    def __enter__(self) -> LiveLine:
        """Return self."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Remove the live line."""
        self.show("")

    def say(self, line: str) -> None:
        """Write a line that stays."""
        _write(f"{_CLEAR_LINE}{line}\n{self._line}" if self._live else f"{line}\n")

    def show(self, line: str) -> None:
        """Let `line` be the live line, cut to the terminal; nothing where there is none."""
        line = line[: shutil.get_terminal_size().columns - 1]
        if self._live and line != self._line:
            self._line = line
            _write(f"{_CLEAR_LINE}{line}")


class Keyboard:
    """Keys one by one from standard input, where this process has the keyboard; a context manager that puts it back."""

    def __init__(self, *, keep_interrupt: bool) -> None:
        """Without `keep_interrupt`, Ctrl-C is a key like any other."""
        self._keep_interrupt = keep_interrupt
        self._saved: list[Any] | None = None
        self.fd: int | None = None  # readable when a key was pressed; None where there are no keys

    def __enter__(self) -> Keyboard:
        """Ask for keys."""
        fd = sys.stdin.fileno()
        if os.isatty(fd) and _in_foreground(fd):
            self._saved = termios.tcgetattr(fd)
            termios.tcsetattr(fd, termios.TCSANOW, _key_by_key(fd, keep_interrupt=self._keep_interrupt))
            self.fd = fd
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Put the terminal back, without waiting for it."""
        if self.fd is not None and self._saved is not None:
            with contextlib.suppress(termios.error):  # it hung up
                termios.tcflush(self.fd, termios.TCIFLUSH)  # keys meant for us are no shell's business
                termios.tcsetattr(self.fd, termios.TCSANOW, self._saved)

    def pressed(self) -> bytes:
        """Return the keys that wait, once `fd` is readable; nothing, and `fd` None, where the terminal is gone."""
        keys = b""
        if self.fd is not None:
            with contextlib.suppress(OSError):
                keys = os.read(self.fd, 64)
        if not keys:
            self.fd = None
        return keys


def _write(text: str) -> None:
    """Write past Python's buffer, which would keep what cannot be written, and stumble over it at the end."""
    with contextlib.suppress(OSError):  # nobody reads any more: no reason to let go of the robot
        os.write(sys.stderr.fileno(), text.encode())


def _in_foreground(fd: int) -> bool:
    """Return whether the keyboard is ours; a shell's background job that touches it is stopped."""
    with contextlib.suppress(OSError):
        return os.tcgetpgrp(fd) == os.getpgrp()
    return False


def _key_by_key(fd: int, *, keep_interrupt: bool) -> list[Any]:
    """Return the terminal's settings for keys: no waiting for return, no echo, no Ctrl-S that freezes us, no Ctrl-Z."""
    settings = termios.tcgetattr(fd)
    settings[_INPUT_FLAGS] &= ~termios.IXON
    settings[_LOCAL_FLAGS] &= ~(termios.ICANON | termios.ECHO | (0 if keep_interrupt else termios.ISIG))
    characters = settings[_CONTROL_CHARACTERS]
    characters[termios.VMIN], characters[termios.VTIME] = 1, 0
    characters[termios.VSUSP] = b"\0"
    return settings
