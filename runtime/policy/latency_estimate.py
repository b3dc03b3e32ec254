"""How long the next inference will take, judged by the last ones: for what must be decided before it is done. Pure."""

from __future__ import annotations

from collections import deque

_WINDOW = 10  # inferences; a change is known after a third of a second at 30 Hz, and an outlier is forgotten as soon


class LatencyEstimate:
    """What the last few inferences took.

    The first inference of an engine loads, compiles and allocates, and takes many times longer than any after it: it never enters.
    """

    def __init__(self) -> None:
        """Know nothing, and let the first inference pass."""
        self._durations_ns: deque[int] = deque(maxlen=_WINDOW)
        self.restart()

    def restart(self) -> None:
        """Start anew, as with an engine that was loaded again."""
        self._durations_ns.clear()
        self._warm = False

    def add(self, duration_ns: int) -> None:
        """Note how long an inference took."""
        if self._warm:
            self._durations_ns.append(duration_ns)
        self._warm = True

    @property
    def usual_ns(self) -> int:
        """Return the median; 0 before the second inference."""
        ordered = sorted(self._durations_ns)
        return ordered[len(ordered) // 2] if ordered else 0

    @property
    def long_ns(self) -> int:
        """Return the second longest: nearly all are done by then, and no single outlier moves it; 0 before the second inference."""
        longest = sorted(self._durations_ns)[-2:]
        return longest[0] if longest else 0
