"""Nobody beside the robot, or somebody who wants no questions: every one is answered as ENTER would (`--yes`)."""

from __future__ import annotations

import getpass
from collections.abc import Callable

from rich.console import Console, RenderableType

from calibration.session.clock import Clock
from interfaces.errors import DeviceError

WATCH_MAX_NS = 600_000_000_000  # what has not happened in ten minutes will not


class YesOperator:
    """Takes each default, and what is to be watched as done when the program finds that it is."""

    def __init__(self, clock: Clock, name: str = "") -> None:
        self._clock = clock
        self._name = name or f"{getpass.getuser()} (--yes)"
        self._console = Console()
        self._last_quarter = "", -1

    @property
    def name(self) -> str:
        """Return who it is."""
        return self._name

    def say(self, text: RenderableType) -> None:
        """Print it."""
        self._console.print(text)

    def confirm(self, step: str, question: str, *, default: bool) -> bool:
        """Return the default."""
        self._console.print(f"{question} [{step}] {'yes' if default else 'no'} (--yes)", markup=False)
        return default

    def wait(self, step: str, instruction: str) -> None:
        """Go on at once."""
        self._console.print(f"{instruction} [{step}] (--yes)", markup=False)

    def watch(self, step: str, instruction: str, look: Callable[[], RenderableType], done: Callable[[], bool]) -> None:
        """Look until it is done, and show how it ended; raises DeviceError after ten minutes in vain."""
        self._console.print(f"{instruction} [{step}] (--yes)", markup=False)
        t_end_ns = self._clock.now_ns() + WATCH_MAX_NS
        table = look()
        while not done():
            if self._clock.now_ns() > t_end_ns:
                self._console.print(table)
                raise DeviceError(f"{step}: not done within {WATCH_MAX_NS * 1e-9:.0f} s")
            table = look()
        self._console.print(table)

    def meanwhile(self, do: Callable[[], None] | None) -> None:
        """Nobody is waited for."""

    def progress(self, what: str, share: float) -> None:
        """Say what begins, and each quarter of it: a log tells that way, too, that it goes on."""
        quarter = what, int(4 * share)
        if quarter != self._last_quarter:
            self._console.print(f"{what} {share:4.0%}", highlight=False, markup=False)
        self._last_quarter = quarter
