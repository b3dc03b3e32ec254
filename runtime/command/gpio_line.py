"""A GPIO line, requested from the kernel's character device: one system call a look. Not tried on a board yet."""

from __future__ import annotations

import gpiod
from gpiod.line import Bias, Direction, Value

from interfaces.errors import RefusedError


class KernelLine:
    """A requested input line."""

    def __init__(self, request: gpiod.LineRequest, offset: int) -> None:
        """Take over a request."""
        self._request = request
        self._offset = offset

    def high(self) -> bool:
        """Return its level; raises OSError where the chip is gone."""
        return self._request.get_value(self._offset) == Value.ACTIVE

    def release(self) -> None:
        """Give it back to the kernel."""
        self._request.release()


def request_line(name: str) -> KernelLine:
    """Request the line `name`, as "/dev/gpiochip0:106", for us alone; raises RefusedError saying why it cannot be had.

    It is pulled down, where the chip can do that, so that a wire that is off reads as low.
    """
    chip, _, offset = name.rpartition(":")
    settings = gpiod.LineSettings(direction=Direction.INPUT, bias=Bias.PULL_DOWN)
    try:
        request = gpiod.request_lines(chip, consumer="forerun-estop", config={int(offset): settings})
    except (OSError, ValueError) as error:
        raise RefusedError(f"runtime.estop_gpio: cannot read {name}: {error}") from error
    return KernelLine(request, int(offset))
