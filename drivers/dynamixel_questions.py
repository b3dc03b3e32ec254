"""Which question may be asked so that no late answer to an earlier one is taken for its own. Pure.

Answers carry no number. But they differ by how much was asked for, and by whether it was asked with a fast read or a plain
one: a question that got no answer is not asked again in the same form. What tells that its answer can no longer come:

    another answer has come    an adapter keeps the order, so what was asked before has been answered, or never will be
    LATE_MAX_NS went by        longer than any adapter holds bytes back (an FTDI's latency timer ends at 255 ms)

When all forms are taken nothing is asked until one of them is free again.
"""

from __future__ import annotations

from dataclasses import dataclass

from drivers.dynamixel_registers import FEEDBACK_COUNTS

LATE_MAX_NS = 300_000_000


@dataclass(frozen=True, slots=True)
class Question:
    """One form of asking for the feedback."""

    fast: bool
    count: int  # bytes a servo


class FeedbackQuestions:
    """The forms of asking for the feedback, and which of them may still be answered."""

    def __init__(self) -> None:
        self._open: dict[Question, int] = {}  # asked, not wholly answered; and when

    def pick(self, t_now_ns: int, *, fast: bool) -> Question | None:
        """Return the shortest form that no late answer can meet, marked as asked now; None where there is none."""
        self._open = {question: t_ns for question, t_ns in self._open.items() if t_now_ns - t_ns < LATE_MAX_NS}
        for count in FEEDBACK_COUNTS:
            question = Question(fast, count)
            if question not in self._open:
                self._open[question] = t_now_ns
                return question
        return None

    def answered(self, question: Question, *, wholly: bool) -> None:
        """Take note that an answer came, of all servos or of some."""
        t_asked_ns = self._open[question]
        self._open = {} if wholly else {question: t_asked_ns}
