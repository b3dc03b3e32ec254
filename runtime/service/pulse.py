"""Whether every loop of a process makes progress: each counts the turns it ended, and one thread looks at all of them. Pure.

A watchdog that a timer feeds notices a process that died, and nothing else. This one is fed only while every loop goes on, so it
also notices an engine that never answers, a camera call that never returns, a lock that nobody releases.
"""

from __future__ import annotations

from dataclasses import dataclass

_LOOK_MAX_NS = 1_000_000_000  # a longer pause between two looks was the whole process's: stopped, suspended, starved


class Turns:
    """How many turns a loop has ended; one thread counts, any thread reads. Costs that thread 0.1 us a turn."""

    def __init__(self) -> None:
        self.count = 0

    def ended(self) -> None:
        """Count a turn: work was done, an attempt failed, or there was nothing to do."""
        self.count += 1


@dataclass(slots=True)
class _Watched:
    turns: Turns
    patience_ns: int
    count: int = -1
    silent_ns: int = 0


class Pulse:
    """Looks at the loops of a process, a few times a second."""

    def __init__(self) -> None:
        self._loops: dict[str, _Watched] = {}
        self._t_look_ns: int | None = None

    def watch(self, name: str, turns: Turns, patience_ns: int) -> None:
        """Watch a loop that ends a turn within `patience_ns` for as long as it is well."""
        self._loops[name] = _Watched(turns, patience_ns)

    def look(self, t_now_ns: int) -> dict[str, int]:
        """Return how long in ns each loop that hangs has ended no turn; empty while all go on.

        Time is counted from look to look, at most a second each: a process that was stopped as a whole does not hang.
        """
        passed_ns = 0 if self._t_look_ns is None else min(t_now_ns - self._t_look_ns, _LOOK_MAX_NS)
        self._t_look_ns = t_now_ns
        for loop in self._loops.values():
            count = loop.turns.count
            loop.silent_ns = loop.silent_ns + passed_ns if count == loop.count else 0
            loop.count = count
        return {name: loop.silent_ns for name, loop in self._loops.items() if loop.silent_ns > loop.patience_ns}
