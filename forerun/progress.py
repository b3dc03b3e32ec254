"""How far a command is that takes more than a moment: one line, only where a person watches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from interfaces.progress import Progress

T = TypeVar("T")


def progress(what: str) -> Callable[[float], None]:
    """Return what to tell the share that is done, 0 to 1."""
    shown = -1

    def say(share: float) -> None:
        nonlocal shown
        percent = int(100 * share)
        if percent != shown and sys.stderr.isatty():
            shown = percent
            print(f"\r{what} {percent:3} %", end="\n" if share >= 1 else "", file=sys.stderr, flush=True)

    return say


def followed(items: Sequence[T], what: str) -> Iterator[T]:
    """Return the items one by one, saying how far it is."""
    say = progress(what)
    for index, item in enumerate(items, start=1):
        yield item
        say(index / len(items))


def counting(what: str) -> Progress:
    """Return what to tell how many of how many are done, and a word about the last one, which is for wider bars than this."""
    say = progress(what)
    return lambda done, total, _text: say(done / total)
