"""No question is asked in a form that a late answer to an earlier one still has."""

from hypothesis import given
from hypothesis import strategies as st

from drivers.dynamixel.fast_read import build_fast_status
from drivers.dynamixel.protocol import build_status
from drivers.dynamixel.questions import LATE_MAX_NS, FeedbackQuestions, Question
from drivers.dynamixel.registers import FEEDBACK_COUNTS

MS = 1_000_000
IDS = (1, 2)


def test_as_long_as_answers_come_it_is_always_the_shortest() -> None:
    questions = FeedbackQuestions()
    for cycle in range(10):
        question = questions.pick(cycle * MS, IDS, fast=True)
        assert question is not None
        assert question == Question(fast=True, count=21)
        questions.answered(question, wholly=True)


def test_after_failures_each_form_is_used_once_until_its_time_is_over() -> None:
    questions = FeedbackQuestions()
    asked = [questions.pick(cycle * MS, IDS, fast=True) for cycle in range(len(FEEDBACK_COUNTS))]
    assert [question.count for question in asked if question] == list(FEEDBACK_COUNTS)
    assert questions.pick(10 * MS, IDS, fast=True) is None
    assert questions.pick(10 * MS, IDS, fast=False) == Question(fast=False, count=21)
    assert questions.pick(LATE_MAX_NS - 1, IDS, fast=True) is None
    assert questions.pick(LATE_MAX_NS, IDS, fast=True) == Question(fast=True, count=21)


def test_an_answer_tells_that_all_before_it_are_over() -> None:
    questions = FeedbackQuestions()
    questions.pick(0, IDS, fast=True)
    second = questions.pick(1, IDS, fast=True)
    assert second is not None
    questions.answered(second, wholly=False)  # some servos: the rest of this one may still come
    third = questions.pick(2, IDS, fast=True)
    assert third == Question(fast=True, count=21)
    fourth = questions.pick(3, IDS, fast=True)
    assert fourth is not None
    assert fourth.count == 24  # 23 is what the others may still answer


def test_a_late_answer_that_has_come_sets_its_form_free_and_those_before_it() -> None:
    questions = FeedbackQuestions()
    for cycle in range(4):
        questions.pick(cycle, IDS, fast=cycle != 2)  # 21 and 23 fast, 21 plain, 24 fast
    plain = build_status(1, 0, bytes(21)) + build_status(2, 0, bytes(21))
    questions.hear(b"\xff\xff" + plain[:40])
    assert questions.pick(4, IDS, fast=False) == Question(fast=False, count=23)
    questions.hear(plain[40:])
    assert questions.pick(5, IDS, fast=True) == Question(fast=True, count=21)
    assert questions.pick(6, IDS, fast=True) == Question(fast=True, count=23)
    assert questions.pick(7, IDS, fast=True) == Question(fast=True, count=25)  # 24 was asked after the plain one
    questions.hear(build_fast_status({1: (0, bytes(25)), 2: (0, bytes(25))}))
    assert questions.all_answered


def test_what_was_heard_before_a_question_is_no_answer_to_it() -> None:
    questions = FeedbackQuestions()
    answer = build_fast_status({1: (0, bytes(21)), 2: (0, bytes(21))})
    questions.pick(0, IDS, fast=True)
    questions.hear(answer)
    questions.pick(1, IDS, fast=True)
    questions.hear(answer[-30:])
    assert not questions.all_answered


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 200), st.sampled_from(["lost", "late", "some", "all"]))))
def test_an_answer_that_keeps_the_order_never_meets_its_own_form_again(
    history: list[tuple[bool, int, str]],
) -> None:
    """A pipe that keeps the order: what is late comes within LATE_MAX_NS, before all that was asked after it."""
    questions, t_ns = FeedbackQuestions(), 0
    pipe: list[tuple[int, Question]] = []  # (asked, form) of answers that have not come
    for fast, pause_ms, fate in history:
        t_ns += pause_ms * MS
        question = questions.pick(t_ns, IDS, fast=fast)
        if question is None:
            continue
        # Whatever can still come out of the pipe has another form.
        pipe = [(t, form) for t, form in pipe if t_ns - t < LATE_MAX_NS]
        assert question not in [form for _, form in pipe]
        if fate in {"some", "all"}:
            pipe = [(t_ns, question)] if fate == "some" else []
            questions.answered(question, wholly=fate == "all")
        elif fate == "late":
            pipe.append((t_ns, question))
