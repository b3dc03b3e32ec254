"""How a job that takes more than a moment tells how far it is; the command that started it shows it."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int, str], None]  # is told how much is done, of how much, and what is being done
StartStage = Callable[[str], Progress]  # is told what begins, and returns what to tell how far that is


def silent(_done: int, _total: int, _text: str) -> None:
    """Tell nobody."""
