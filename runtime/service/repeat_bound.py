"""Bounds lines that repeat themselves: a bus that flaps says so a few times, and after that how often. Pure: every call takes the time."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NUMBERS = re.compile(r"[\d.]+")
_KINDS_MAX = 64  # of lines remembered; the oldest is forgotten first


@dataclass(slots=True)
class _Kind:
    t_window_ns: int
    said: int = 0
    held_back: int = 0
    last: str = ""
    level: int = 0


class RepeatBound:
    """Lines that differ in nothing but numbers are of one kind: so many of each get out in a window of time, the others are counted."""

    def __init__(self, *, at_most: int = 8, window_ns: int = 10_000_000_000) -> None:
        """Let `at_most` lines of each kind out in a window."""
        self._at_most = at_most
        self._window_ns = window_ns
        self._kinds: dict[str, _Kind] = {}
        self._held_back = False

    def may_say(self, line: str, level: int, t_now_ns: int) -> bool:
        """Return whether the line gets out; it is counted where it does not."""
        kind = self._kind(_NUMBERS.sub("", line), t_now_ns)
        if kind.said < self._at_most:
            kind.said += 1
            return True
        kind.held_back, kind.last, kind.level = kind.held_back + 1, line, level
        self._held_back = True
        return False

    def due(self, t_now_ns: int) -> list[tuple[str, int]]:
        """Return the lines, with their levels, that tell how many were held back in windows that are over."""
        if not self._held_back:
            return []
        told: list[tuple[str, int]] = []
        for kind in self._kinds.values():
            if kind.held_back and t_now_ns - kind.t_window_ns >= self._window_ns:
                more = f"{kind.held_back} more of these in {self._window_ns / 1e9:g} s, the last: {kind.last}"
                told.append((more, kind.level))
                kind.t_window_ns, kind.said, kind.held_back = t_now_ns, 0, 0
        self._held_back = any(kind.held_back for kind in self._kinds.values())
        return told

    def _kind(self, key: str, t_now_ns: int) -> _Kind:
        kind = self._kinds.pop(key, None)
        if kind is None or (t_now_ns - kind.t_window_ns >= self._window_ns and not kind.held_back):
            kind = _Kind(t_window_ns=t_now_ns)
        self._kinds[key] = kind  # the one used last is forgotten last
        if len(self._kinds) > _KINDS_MAX:
            del self._kinds[next(iter(self._kinds))]
        return kind
