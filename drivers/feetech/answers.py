"""Which question an answer belongs to, on a bus whose packets carry no sequence number. Pure: no input or output, no clock.

An answer tells its sender and its length, nothing else; and an adapter or an operating system that was busy hands it over
late, when the next question is already out. So no two questions that may still be answered ask for the same number of bytes:
the length of an answer says which of them it answers, and only the one asked for now is taken. While all is well there is
nothing to tell apart, and every question is the shortest.

What is sent on one wire arrives in its order. An answer to one question therefore shows that nothing is underway any more to
those asked before it, whose lengths are free again. Where nothing comes at all, a length is free after LATEST_NS.

What this cannot do: the acknowledgement of a write has no length to choose, so every write is read back instead; and an
answer later than LATEST_NS may be taken for one to a newer question of the same length.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

LATEST_NS = 1_000_000_000
PATIENCE_RATIO = 6  # while nothing comes, the pause between two questions is this share of the silence so far


class OpenQuestions:
    """The questions that may still be answered: their lengths, which are all different, and when they were asked."""

    def __init__(self) -> None:
        self._asked: dict[int, int] = {}  # length -> instant, in the order of asking

    @property
    def lengths(self) -> Collection[int]:
        """Return the lengths of answers that may come, in bytes of parameters: a view that follows what is asked."""
        return self._asked.keys()

    def free_length(self, candidates: Iterable[int], t_now_ns: int) -> int | None:
        """Return the first of `candidates` that no open question has; None while all are taken."""
        for length, t_asked_ns in list(self._asked.items()):
            if t_now_ns - t_asked_ns > LATEST_NS:
                del self._asked[length]
        return next((length for length in candidates if length not in self._asked), None)

    def is_due(self, t_now_ns: int) -> bool:
        """Return whether to ask again: the longer nothing has come, the longer the pause, so that lengths last."""
        if not self._asked:
            return True
        instants = list(self._asked.values())
        return (t_now_ns - instants[-1]) * PATIENCE_RATIO >= instants[-1] - instants[0]

    def ask(self, length: int, t_now_ns: int) -> None:
        """Note a question for `length` bytes, which no open question has."""
        assert length not in self._asked
        self._asked[length] = t_now_ns

    def heard(self, length: int) -> None:
        """Note an answer: what was asked before its question is over. Others may still answer the question itself."""
        if length in self._asked:
            for earlier in list(self._asked):
                if earlier == length:
                    return
                del self._asked[earlier]

    def close(self, length: int) -> None:
        """Note that a question is answered for good."""
        self.heard(length)
        self._asked.pop(length, None)
