"""Somebody wants this process to end: SIGTERM or SIGINT, from its very start on.

Before there is anything to end in order, the order is obeyed by leaving from where the main thread is (SystemExit, status 0).
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class EndOrder:
    """Listens for the order while it is entered, in the main thread."""

    def __init__(self) -> None:
        self.came = False
        self._stop: threading.Event | None = None
        self._before: list[object] = []

    def __enter__(self) -> EndOrder:
        """Listen."""
        self._before = [signal.signal(number, self._obey) for number in _SIGNALS]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Listen no more."""
        for number, before in zip(_SIGNALS, self._before, strict=True):
            signal.signal(number, before)  # pyright: ignore[reportArgumentType] - what signal() gave, it takes

    def sets(self, stop: threading.Event) -> None:
        """From now on the order sets `stop`, and everything ends as it should."""
        self._stop = stop

    def _obey(self, _number: int, _frame: FrameType | None) -> None:
        self.came = True
        if self._stop is None:
            raise SystemExit(0)
        self._stop.set()
