"""How far a command of several stages is: a bar each where a person watches, a line each in a log."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager

from rich.console import RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text
from typing_extensions import override

from interfaces.progress import Progress as Tell
from interfaces.progress import StartStage, silent

_BAR_CELLS = 16  # so that a stage fits into 80 columns with the longest title


@contextmanager
def stages() -> Generator[StartStage]:
    """Give what to call with the title of each stage that begins; it returns what to tell how far that stage is."""
    if not sys.stdout.isatty():
        yield _line
        return
    with _Bars(
        TextColumn("{task.description}"), BarColumn(_BAR_CELLS), MofNCompleteColumn(), TimeElapsedColumn()
    ) as bars:
        yield bars.start_stage
        bars.now = ""


class _Bars(Progress):
    """A bar for each stage, and below them what is being done now, over the whole width."""

    now = ""

    def start_stage(self, title: str) -> Tell:
        task = self.add_task(title, total=None)
        self.now = ""

        def tell(done: int, total: int, text: str) -> None:
            self.now = text
            self.update(task, completed=done, total=total)

        return tell

    @override
    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        if self.now:
            yield Text(f"  {self.now}", style="dim", no_wrap=True, overflow="ellipsis")


def _line(title: str) -> Tell:
    print(f"{title} ...", flush=True)
    return silent
