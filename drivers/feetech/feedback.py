"""The feedback of all servos in one cycle: from the bytes of their answers to counts. Pure.

Without numpy: for half a dozen servos, on a processor whose caches others have used meanwhile, plain integers are quicker (the
whole cycle went from 0.28 to 0.17 ms of processor time on two busy cores, `python -m bench.servo_bus --rate-hz 200`).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from drivers.feetech.answers import OpenQuestions
from drivers.feetech.protocol import HEADER, OVERHEAD_BYTES, Packet
from drivers.feetech.registers import (
    FEEDBACK_ADDRESS,
    FEEDBACK_BYTES,
    PRESENT_LOAD,
    PRESENT_POSITION,
    PRESENT_VELOCITY,
    feedback_address,
)

FEEDBACK_FRAME_BYTES = OVERHEAD_BYTES + FEEDBACK_BYTES
_MEMORY = struct.Struct("<HHHBB")  # from FEEDBACK_ADDRESS on


class Feedback(NamedTuple):
    """What one servo says in every cycle, in its counts."""

    servo_id: int
    error: int  # bits of ServoFault
    position: int
    velocity: int
    load: int
    voltage: int
    temperature: int


def read_feedback(data: bytes, servo_ids: Sequence[int]) -> list[Feedback] | None:
    """Return the feedback of all servos, in order; None unless `data` is exactly their whole packets, in that order."""
    if len(data) != FEEDBACK_FRAME_BYTES * len(servo_ids):
        return None
    feedback: list[Feedback] = []
    for start, servo_id in zip(range(0, len(data), FEEDBACK_FRAME_BYTES), servo_ids, strict=True):
        body = data[start + len(HEADER) : start + FEEDBACK_FRAME_BYTES]
        # Everything from id to checksum adds up to FF in a whole packet.
        whole = data.startswith(HEADER, start) and sum(body) & 0xFF == 0xFF
        if not whole or body[0] != servo_id or body[1] != FEEDBACK_BYTES + 2:
            return None
        feedback.append(_decode(servo_id, body[2], body, 3))
    return feedback


class FeedbackRound:
    """Who was asked in this cycle, with which length, and what came of it."""

    def __init__(self, servo_ids: Sequence[int], questions: OpenQuestions) -> None:
        self._ids = servo_ids
        self._questions = questions
        self._awaited: dict[int, set[int]] = {}  # length -> servos that have not answered that question
        self._taken: dict[tuple[int, int], Packet] = {}  # by length and servo
        self._found: dict[int, Feedback] = {}  # by servo

    @property
    def missing(self) -> list[int]:
        """Return the servos without an answer, in order."""
        return [servo_id for servo_id in self._ids if servo_id not in self._found]

    @property
    def feedback(self) -> list[Feedback]:
        """Return the feedback of all servos, in order, none of which is missing."""
        return [self._found[servo_id] for servo_id in self._ids]

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
            self._found[packet.servo_id] = _decode(packet.servo_id, packet.code, packet.parameters, start)


def _decode(servo_id: int, error: int, memory: bytes, start: int) -> Feedback:
    position, velocity, load, voltage, temperature = _MEMORY.unpack_from(memory, start)
    return Feedback(
        servo_id,
        error,
        PRESENT_POSITION.signed(position),
        PRESENT_VELOCITY.signed(velocity),
        PRESENT_LOAD.signed(load),
        voltage,
        temperature,
    )
