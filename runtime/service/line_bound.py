"""How many lines a log may have: a line that repeats is said once and counted, and no fault floods the journal. Pure."""

from __future__ import annotations

REPEAT_NS = 60_000_000_000  # a line that goes on repeating is said again so often
BURST = 50  # lines that may come at once
LINES_PER_S = 5  # in the long run


class LineBound:
    """Decides about each line of one log; what it swallowed is told in the next line that is said."""

    def __init__(self) -> None:
        self._last = ""
        self._t_last_ns = 0  # when it was said
        self._repeats = 0  # since then
        self._left_out = 0
        self._room = float(BURST)
        self._t_room_ns: int | None = None

    def pass_on(self, line: str, t_now_ns: int, *, urgent: bool = False) -> list[str]:
        """Return what to say now that `line` is to be said: nothing, the line, or first how many were swallowed before it.

        One that is urgent, a fault, is not lost in a flood of others.
        """
        if line == self._last and t_now_ns - self._t_last_ns < REPEAT_NS:
            self._repeats += 1
            return []
        if not self._has_room(t_now_ns) and not urgent:
            self._left_out += 1
            return []
        told = self.rest()
        self._last, self._t_last_ns = line, t_now_ns
        return [*told, line]

    def rest(self) -> list[str]:
        """Return what is still to be told, at the end."""
        told = [f"(the line before this one, {self._repeats} more times)"] if self._repeats else []
        if self._left_out:
            told.append(f"({self._left_out} lines left out: too many at once)")
        self._repeats = self._left_out = 0
        return told

    def _has_room(self, t_now_ns: int) -> bool:
        if self._t_room_ns is not None:
            self._room = min(float(BURST), self._room + (t_now_ns - self._t_room_ns) * 1e-9 * LINES_PER_S)
        self._t_room_ns = t_now_ns
        if self._room < 1.0:
            return False
        self._room -= 1.0
        return True
