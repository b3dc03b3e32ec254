"""The feedback: the common case without a parser, against the parser; and what is put together from several answers."""

from hypothesis import given
from hypothesis import strategies as st

from drivers.feetech import registers
from drivers.feetech.answers import OpenQuestions
from drivers.feetech.feedback import FeedbackRound, read_feedback
from drivers.feetech.protocol import Packet, build_packet
from drivers.feetech.registers import FEEDBACK_ADDRESS, FEEDBACK_BYTES, FEEDBACK_LENGTHS, feedback_address

IDS = [1, 2, 3]
memory = st.binary(min_size=FEEDBACK_BYTES, max_size=FEEDBACK_BYTES)
memories = st.lists(memory, min_size=3, max_size=3)


@given(memories)
def test_whole_feedback_is_what_the_registers_say(parameters: list[bytes]) -> None:
    data = b"".join(build_packet(i, 0x20, p) for i, p in zip(IDS, parameters, strict=True))
    feedback = read_feedback(data, IDS)
    assert feedback is not None
    for servo, p in zip(feedback, parameters, strict=True):
        assert servo.error == 0x20
        assert servo.position == registers.PRESENT_POSITION.decode(p, FEEDBACK_ADDRESS)
        assert servo.velocity == registers.PRESENT_VELOCITY.decode(p, FEEDBACK_ADDRESS)
        assert servo.load == registers.PRESENT_LOAD.decode(p, FEEDBACK_ADDRESS)
        assert (servo.voltage, servo.temperature) == (p[6], p[7])
    assert [servo.servo_id for servo in feedback] == IDS


@given(memories, st.integers(0, 41), st.integers(1, 255))
def test_no_wrong_byte_gets_through(parameters: list[bytes], i_byte: int, flip: int) -> None:
    data = bytearray(b"".join(build_packet(i, 0, p) for i, p in zip(IDS, parameters, strict=True)))
    data[i_byte] ^= flip
    assert read_feedback(bytes(data), IDS) is None


def test_feedback_of_other_servos_or_of_another_length_is_not_taken() -> None:
    data = b"".join(build_packet(i, 0, bytes(FEEDBACK_BYTES)) for i in (1, 3, 2))
    assert read_feedback(data, IDS) is None
    assert read_feedback(data[:-1], IDS) is None


@given(memory, st.sampled_from(FEEDBACK_LENGTHS))
def test_the_feedback_is_the_same_in_an_answer_of_any_length(parameters: bytes, length: int) -> None:
    questions = OpenQuestions()
    questions.ask(length, 0)
    asked = FeedbackRound([5], questions)
    asked.ask(length, [5])
    before = FEEDBACK_ADDRESS - feedback_address(length)
    asked.take(Packet(5, 0, (bytes(before) + parameters).ljust(length, b"\x00")))
    assert asked.missing == []
    assert asked.feedback == read_feedback(build_packet(5, 0, parameters), [5])
    assert list(questions.lengths) == []


def test_answers_to_questions_of_before_and_of_strangers_are_left_aside() -> None:
    questions = OpenQuestions()
    for length in (8, 9):
        questions.ask(length, 0)
    asked = FeedbackRound(IDS, questions)
    asked.ask(9, IDS)
    asked.take(Packet(1, 0, bytes(8)))
    asked.take(Packet(7, 0, bytes(9)))
    assert asked.missing == IDS
    for servo_id in IDS:
        asked.take(Packet(servo_id, 0, bytes(9)))
    assert asked.missing == []
    asked.take(Packet(2, 0, bytes(8) + b"\x01"))  # another answer of servo 2, and not the same
    assert asked.missing == [2]
