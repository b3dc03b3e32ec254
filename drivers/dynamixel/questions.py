"""Which question may be asked so that no late answer to an earlier one is taken for its own. Pure.

Answers carry no number. But they differ by how much was asked for, and by whether it was asked with a fast read or a plain
one: a question that got no answer is not asked again in the same form. What tells that its answer can no longer come:

    its answer has come        late, and all of it
    another answer has come    an adapter keeps the order, so what was asked before has been answered, or never will be
    LATE_MAX_NS went by        longer than any adapter holds bytes back (an FTDI's latency timer ends at 255 ms)

When all forms are taken nothing is asked until one of them is free again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from drivers.dynamixel.fast_read import parse_fast_status
from drivers.dynamixel.parser import PacketParser
from drivers.dynamixel.registers import FEEDBACK_COUNTS

LATE_MAX_NS = 300_000_000


@dataclass(frozen=True, slots=True)
class Question:
    """One form of asking for the feedback."""

    fast: bool
    count: int  # bytes a servo


@dataclass(slots=True)
class _Asked:
    """When and of whom a question was asked, and all that came since."""

    t_ns: int
    ids: Sequence[int]
    heard: bytearray = field(default_factory=bytearray)

    def is_answered(self, question: Question) -> bool:
        counts = dict.fromkeys(self.ids, question.count)
        heard = bytes(self.heard)
        packets = parse_fast_status(heard, counts) if question.fast else PacketParser(question.count).feed(heard)
        return counts.keys() <= {packet.servo_id for packet in packets}


class FeedbackQuestions:
    """The forms of asking for the feedback, and which of them may still be answered."""

    def __init__(self) -> None:
        self._open: dict[Question, _Asked] = {}  # not wholly answered, in the order asked

    @property
    def all_answered(self) -> bool:
        """Return whether nothing late can come."""
        return not self._open

    def pick(self, t_now_ns: int, ids: Sequence[int], *, fast: bool) -> Question | None:
        """Return the shortest form that no late answer can meet, marked as asked of `ids` now; None where there is none."""
        self._open = {question: asked for question, asked in self._open.items() if t_now_ns - asked.t_ns < LATE_MAX_NS}
        for count in FEEDBACK_COUNTS:
            question = Question(fast, count)
            if question not in self._open:
                self._open[question] = _Asked(t_now_ns, tuple(ids))
                return question
        return None

    def answered(self, question: Question, *, wholly: bool) -> None:
        """Take note that an answer came, of all servos or of some: what was asked before is over."""
        order = list(self._open)
        first = order.index(question) + (1 if wholly else 0)
        self._open = {later: self._open[later] for later in order[first:]}

    def hear(self, data: bytes) -> None:
        """Take note of bytes that were no answer in time: they may be late ones."""
        for question, asked in list(self._open.items()):
            asked.heard += data
            if question in self._open and asked.is_answered(question):
                self.answered(question, wholly=True)
