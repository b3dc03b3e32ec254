"""Questions and answers on a bus of ODrive axes: every wait has a deadline, and what came too late is never taken for an answer.

An answer carries no number, but each question has exactly one, and an axis answers in order: so what was asked is kept until
it is answered, an answer belongs to the oldest question of its kind, and whatever was asked before that question was lost.
An axis that owes an estimate from before is not asked for another one until it came, or until the answer to a later question,
for a current, or time, tells that it is lost.

In order means: by time, or where several answers wait in its controller, lowest id first; an estimate has a lower id.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle

from drivers.can.port import CanFrame, CanPort
from drivers.odrive import protocol
from drivers.odrive.protocol import Command, Generation, Heartbeat
from interfaces.errors import ProtocolError

Question = tuple[int, Command]  # (axis, what)

ANSWER_PATIENCE_NS = 250_000_000  # then an answer is lost, not late
ROUND_NS = 2_500_000  # USB frames, and the operating system that wakes us; then the missing are asked again
QUESTION_BITS = 190  # and its answer, at most
FENCE = Command.IQ  # told by every firmware


class OdriveBus:
    """The axes on one port: what they were asked, what they answered, and the last heartbeat of each."""

    def __init__(self, port: CanPort, path: str, baud_hz: int, names: Mapping[int, str]) -> None:
        self._port = port
        self._path = path
        self._ns_per_question = round(QUESTION_BITS * 1e9 / baud_hz)
        self._names = names
        self._owed: dict[int, deque[tuple[int, int]]] = {i: deque() for i in names}  # (asked, command), by axis
        self._t_cycle_ns = 0
        self._answers: dict[Question, bytes] = {}
        self.heartbeats: dict[int, tuple[int, Heartbeat]] = {}  # (when it came, what it said), by axis
        self.n_unasked = dict.fromkeys(names, 0)  # estimates that nobody asked for

    def name(self, node_id: int) -> str:
        """Return how errors call an axis: id, joint and port."""
        return f"axis {node_id} ({self._names[node_id]}) on {self._path}"

    def now_ns(self) -> int:
        """Return the instant on the clock of the port."""
        return self._port.now_ns()

    def close(self) -> None:
        """Close the port."""
        self._port.close()

    def send(self, frames: Sequence[CanFrame]) -> None:
        """Send orders that nobody answers."""
        self._port.send(frames)

    def wait(self, until: Callable[[], bool], patience_ns: int) -> bool:
        """Take in what comes until `until` is true, and return whether it became so in time."""
        t_end_ns = self.now_ns() + patience_ns
        self._drain()
        while not until():
            frame = self._port.receive(t_end_ns)
            if frame is None:
                return until()
            self._take(frame)
        return True

    def ask(
        self, questions: Sequence[Question], budget_ns: int, orders: Sequence[CanFrame] = ()
    ) -> dict[Question, bytes]:
        """Send `orders` and `questions`, and return the answers to them; within `budget_ns`, so some may be missing.

        What is not answered soon is asked again, as often as the budget allows.
        """
        self._drain()
        self._t_cycle_ns = self.now_ns()
        t_end_ns = self._t_cycle_ns + budget_ns
        self._answers.clear()
        held_back = [question for question in questions if self._owes_estimate(question[0])]
        missing = [question for question in questions if question not in held_back]
        self._put(missing, orders)
        wait_ns = ROUND_NS + (len(missing) + len(orders)) * self._ns_per_question
        while (missing or held_back) and self.now_ns() < t_end_ns:
            missing = self._collect(missing, held_back, min(t_end_ns, self.now_ns() + wait_ns))
            free = [question for question in held_back if not self._owes_estimate(question[0])]
            held_back = [question for question in held_back if question not in free]
            again = [] if free else [*missing, *((node_id, FENCE) for node_id, _ in (*missing, *held_back))]
            if self.now_ns() + (len(free) + len(again)) * self._ns_per_question < t_end_ns:
                self._put([*free, *again])
                missing += free
            wait_ns *= 1 if free else 2  # where it is slow, asking more would only make it slower
        self._put([(node_id, FENCE) for node_id in self._names if self._owes_estimate(node_id)])
        return {question: self._answers[question] for question in questions if question in self._answers}

    def _put(self, questions: Sequence[Question], orders: Sequence[CanFrame] = ()) -> None:
        self._port.send([*orders, *(protocol.ask(*question) for question in questions)])
        t_now_ns = self.now_ns()
        for node_id, command in questions:
            self._owed[node_id].append((t_now_ns, command))

    def _owes_estimate(self, node_id: int) -> bool:
        owed = self._owed[node_id]
        while owed and owed[0][0] < self.now_ns() - ANSWER_PATIENCE_NS:
            owed.popleft()
        return any(command == Command.ESTIMATES for _, command in owed)

    def _collect(
        self, missing: Sequence[Question], held_back: Sequence[Question], t_deadline_ns: int
    ) -> list[Question]:
        """Return what is still missing at the deadline, or once nothing is, or once an axis owes nothing more."""
        rest = set(missing) - self._answers.keys()
        while (rest or held_back) and all(self._owes_estimate(node_id) for node_id, _ in held_back):
            frame = self._port.receive(t_deadline_ns)
            if frame is None:
                break
            self._take(frame)
            rest -= self._answers.keys()
        return [question for question in missing if question in rest]

    def _drain(self) -> None:
        """Take in what has already come: heartbeats among it must not be lost."""
        t_now_ns = self.now_ns()
        while frame := self._port.receive(t_now_ns):
            self._take(frame)

    def _take(self, frame: CanFrame) -> None:
        node_id, command = protocol.split_id(frame.can_id)
        if frame.extended or frame.remote or node_id not in self._names:
            return
        if command == Command.HEARTBEAT:
            self._note_heartbeat(node_id, frame.data)
        elif len(frame.data) == protocol.ANSWER_BYTES:
            self._note_answer(node_id, command, frame.data)

    def _note_answer(self, node_id: int, command: int, data: bytes) -> None:
        owed = self._owed[node_id]
        if all(asked != command for _, asked in owed):
            self.n_unasked[node_id] += command == Command.ESTIMATES
            return
        while True:  # what was asked before this is lost
            t_asked_ns, asked = owed.popleft()
            if asked == command:
                break
        if t_asked_ns >= self._t_cycle_ns:
            self._answers[node_id, Command(command)] = data

    def _note_heartbeat(self, node_id: int, data: bytes) -> None:
        try:
            self.heartbeats[node_id] = (self.now_ns(), protocol.decode_heartbeat(data))
        except ProtocolError:
            return  # somebody else's frame with this id; the axis's own will come


def slow_questions(generations: Mapping[int, Generation]) -> Iterator[Question]:
    """Return what to ask the axes beside the estimates, for ever: a current, something slow, the next current, ..."""
    rare = [
        (node_id, command)
        for node_id, generation in generations.items()
        for command in (Command.BUS, Command.TEMPERATURE)
        if command == Command.BUS or generation == Generation.V0_6
    ]
    currents = [(node_id, Command.IQ) for node_id in generations]
    return (question for both in zip(cycle(currents), cycle(rare), strict=False) for question in both)
