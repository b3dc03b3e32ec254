"""Asking motors on a CAN bus about themselves, and waiting for those that answer: what all families of motors share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from drivers.can.port import CanFrame, CanPort

ANSWER_NS = 150_000_000  # a motor takes a millisecond, a machine that is busy more
GROUP = 8  # questions at once: SocketCAN's queue holds ten frames

T = TypeVar("T")
CanFamily = Literal["odrive", "damiao", "robstride", "cia402"]
Progress = Callable[[str, float], None]  # (what is done, share of all that is to do)
Answers = Callable[[int, CanFrame], T | None]  # (motor, frame) -> what the frame says, where it is that motor's answer


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundMotor:
    """One motor or drive, as it is now."""

    family: CanFamily
    motor_id: int  # axis, motor id or node
    feedback_id: int | None = None  # of a Damiao motor: the id it answers with
    model: str
    firmware: str = ""
    position_rad: float | None = None  # as the motor tells it
    temperature_degc: float | None = None
    state: str = ""


def ask(port: CanPort, motor_id: int, question: CanFrame, answers: Answers[T]) -> T | None:
    """Return what one motor answers; None where it does not in time."""
    return ask_each(port, {motor_id: question}, answers).get(motor_id)


def ask_each(
    port: CanPort, questions: Mapping[int, CanFrame], answers: Answers[T], say: Callable[[int], None] | None = None
) -> dict[int, T]:
    """Return what each motor answers, in order, without those that do not; `say` is told who is next."""
    found: dict[int, T] = {}
    ids = list(questions)
    for start in range(0, len(ids), GROUP):
        group = ids[start : start + GROUP]
        if say is not None:
            say(group[0])
        found |= _ask_group(port, {motor_id: questions[motor_id] for motor_id in group}, answers)
    return found


def _ask_group(port: CanPort, questions: Mapping[int, CanFrame], answers: Answers[T]) -> dict[int, T]:
    extended = next(iter(questions.values())).extended
    found: dict[int, T] = {}
    port.discard()
    port.send(list(questions.values()))
    t_end_ns = port.now_ns() + ANSWER_NS
    while len(found) < len(questions) and (frame := port.receive(t_end_ns)) is not None:
        if frame.remote or frame.extended != extended:
            continue
        for motor_id in questions:
            if motor_id not in found and (told := answers(motor_id, frame)) is not None:
                found[motor_id] = told
    return dict(sorted(found.items()))
