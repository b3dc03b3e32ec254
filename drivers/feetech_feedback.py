"""The feedback of all servos in one cycle, put together from the answers to the questions of that cycle. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from drivers.feetech_answers import OpenQuestions
from drivers.feetech_protocol import Packet, build_packet
from drivers.feetech_registers import FEEDBACK_ADDRESS, FEEDBACK_BYTES, feedback_address


class FeedbackRound:
    """Who was asked in this cycle, with which length, and what came of it."""

    def __init__(self, servo_ids: Sequence[int], questions: OpenQuestions) -> None:
        self._ids = servo_ids
        self._questions = questions
        self._awaited: dict[int, set[int]] = {}  # length -> servos that have not answered that question
        self._taken: dict[tuple[int, int], Packet] = {}  # by length and servo
        self._found: dict[int, bytes] = {}  # by servo

    @property
    def missing(self) -> list[int]:
        """Return the servos without an answer, in order."""
        return [servo_id for servo_id in self._ids if servo_id not in self._found]

    def ask(self, length: int, servo_ids: Sequence[int]) -> None:
        """Note a question of this cycle, already among the open ones."""
        self._awaited[length] = set(servo_ids)

    def take(self, packet: Packet) -> None:
        """Take an answer to a question of this cycle; anything else is left aside.

        Two answers of one servo to one question that differ are none: who knows which of them is its own.
        """
        length = len(packet.parameters)
        awaited = self._awaited.get(length)
        if awaited is None:
            return
        first = self._taken.setdefault((length, packet.servo_id), packet)
        if first != packet:
            self._found.pop(packet.servo_id, None)
        if packet.servo_id not in awaited:
            return
        awaited.discard(packet.servo_id)
        if not awaited:
            self._questions.close(length)
        if packet.servo_id not in self._found:
            start = FEEDBACK_ADDRESS - feedback_address(length)
            feedback = packet.parameters[start : start + FEEDBACK_BYTES]
            self._found[packet.servo_id] = build_packet(packet.servo_id, packet.code, feedback)

    def packets(self) -> bytes:
        """Return the answers of all servos, in order, as if each had sent the feedback and nothing else."""
        return b"".join(self._found[servo_id] for servo_id in self._ids)
