"""Who is told of stages and their progress, in tests of whole runs."""

from __future__ import annotations

from collections.abc import Callable


class Stages:
    """Remembers which stages reported progress, and how much."""

    def __init__(self) -> None:
        self.done: dict[str, int] = {}

    def __call__(self, title: str) -> Callable[[int, int, str], None]:
        """Start a stage."""
        self.done[title] = 0

        def progress(done: int, total: int, text: str) -> None:
            assert 0 < done <= total
            assert text
            self.done[title] = done

        return progress
