"""The emergency stops that are wires and pipes: read each period, without waiting.

    a GPIO line     high while all is well: a cut wire, an unplugged button and a pressed one are all the same
    a named pipe    any byte in it: for whatever can write to a file, a foot switch's daemon or a shell

A line that is low keeps the stop, and a person cannot clear it; a byte in the pipe is over when it is read.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import Protocol

from interfaces.errors import RefusedError
from interfaces.robot_config import RuntimeConfig


class EstopInput(Protocol):
    """One input."""

    def pressed(self) -> str | None:
        """Return why the arm must stop, or None; never waits."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class PipeInput:
    """A named pipe, made where it is missing."""

    def __init__(self, path: Path) -> None:
        """Open it for reading; raises RefusedError where that cannot be: a stop that is asked for must work."""
        self._path = path
        try:
            if not path.exists():
                os.mkfifo(path)
                path.chmod(0o660)  # whatever the umask: its group may stop the arm
            if not stat.S_ISFIFO(path.stat().st_mode):
                raise RefusedError(f"runtime.estop_pipe: {path} is no named pipe")
            self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise RefusedError(f"runtime.estop_pipe: cannot open {path}: {error.strerror}") from error

    def pressed(self) -> str | None:
        """Return that somebody wrote, and take what they wrote."""
        with contextlib.suppress(BlockingIOError):
            if os.read(self._fd, 4096):
                return f"a byte in {self._path}"
        return None

    def close(self) -> None:
        """Close it; the pipe stays where it is."""
        os.close(self._fd)


class GpioLine(Protocol):
    """What is needed of a requested line."""

    def high(self) -> bool:
        """Return its level."""
        ...

    def release(self) -> None:
        """Give it back."""
        ...


class GpioInput:
    """A line that is high while all is well."""

    def __init__(self, name: str, line: GpioLine) -> None:
        """Take over a requested line."""
        self._name = name
        self._line = line

    def pressed(self) -> str | None:
        """Return that the line is low, or cannot be read, which is no better."""
        try:
            return None if self._line.high() else f"line {self._name} is low"
        except OSError as error:
            return f"line {self._name} cannot be read: {error.strerror}"

    def close(self) -> None:
        """Give the line back."""
        self._line.release()


class EstopInputs:
    """All inputs of a robot."""

    def __init__(self, config: RuntimeConfig) -> None:
        """Open what the robot file names; raises RefusedError for one that does not open."""
        self._inputs: list[EstopInput] = []
        if config.estop_pipe:
            self._inputs.append(PipeInput(Path(config.estop_pipe)))
        if config.estop_gpio:
            self._inputs.append(GpioInput(config.estop_gpio, _request_line(config.estop_gpio)))

    def pressed(self) -> str | None:
        """Return why the arm must stop, or None."""
        why = None
        for each in self._inputs:  # all of them: a pipe is emptied by being read
            why = each.pressed() or why
        return why

    def close(self) -> None:
        """Let go of all."""
        for each in self._inputs:
            each.close()


def _request_line(name: str) -> GpioLine:
    try:
        from runtime.command.gpio_line import request_line
    except ModuleNotFoundError as error:
        raise RefusedError(f"runtime.estop_gpio: {name} needs the package gpiod: install forerun[gpio]") from error
    return request_line(name)
