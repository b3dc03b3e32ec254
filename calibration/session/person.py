"""The person beside the robot, as a calibration program sees them: told things, asked things, shown a table that lives.

Every request has a `step`, a short name of what is to be done ("sweep", "support-arm"): a scripted operator goes by it, and so
does a simulated one with a hand. Ctrl-C at any of them raises KeyboardInterrupt, as everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from rich.console import RenderableType


class Operator(Protocol):
    """Who does what a program cannot do by itself."""

    @property
    def name(self) -> str:
        """Return who it is, for the record."""
        ...

    def say(self, text: RenderableType) -> None:
        """Show something that stays: a line, a table, a panel."""
        ...

    def confirm(self, step: str, question: str, *, default: bool) -> bool:
        """Return the answer to a yes-or-no question; `default` is what ENTER, and `--yes`, mean."""
        ...

    def wait(self, step: str, instruction: str) -> None:
        """Return when the operator says that it is done."""
        ...

    def watch(self, step: str, instruction: str, look: Callable[[], RenderableType], done: Callable[[], bool]) -> None:
        """Show `look()` anew ten times a second until the operator says that it is done.

        `done` says whether, as far as the program can tell, it is: with `--yes` that ends it, a person decides for themselves.
        """
        ...

    def meanwhile(self, do: Callable[[], None] | None) -> None:
        """Call `do` again and again while a person is waited for; None calls nothing.

        An arm that is held must be told so every period: motors with a time-out of their own let go otherwise.
        """
        ...

    def progress(self, what: str, share: float) -> None:
        """Show how far something is that takes long; `share` is 0 to 1."""
        ...
