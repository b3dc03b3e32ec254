"""The newest-wins slot between two threads: the writer never waits for readers, and a reader never sees an old value twice."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stamped(Generic[T]):
    """A value and its place in the order of all that were put, from 1."""

    sequence: int
    value: T


class Slot(Generic[T]):
    """Room for one value, the newest. Any thread may put, any thread may read."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: Stamped[T] | None = None

    def put(self, value: T) -> int:
        """Replace the value, wake whoever waits, and return the new sequence number; never waits for a reader."""
        with self._changed:
            sequence = self._held.sequence + 1 if self._held else 1
            self._held = Stamped(sequence, value)
            self._changed.notify_all()
            return sequence

    def newest(self) -> Stamped[T] | None:
        """Return the newest value, or None before the first."""
        return self._held  # one reference, replaced whole: no lock needed to read it

    def wait(self, newer_than: int, timeout_s: float) -> Stamped[T] | None:
        """Return the newest value once its sequence is beyond `newer_than`, or None when none came in `timeout_s`."""
        with self._changed:
            self._changed.wait_for(lambda: self._held is not None and self._held.sequence > newer_than, timeout_s)
            if self._held is None or self._held.sequence <= newer_than:
                return None
            return self._held
