"""Questions and answers among Damiao motors on one CAN bus: every exchange has a deadline, and no late answer is taken for a new one.

The feedback of a motor does not say what it answers. As long as every motor has answered exactly as often as it was asked,
nothing is underway: answers are counted, also those that come after their cycle. Where one is missing still when the next begins, a
question that cannot be confused goes in front: one register of one motor, another register each time. Adapters and the
operating system keep frames in order, and a motor answers within a millisecond, so behind that answer comes nothing older;
what comes before it is not believed. Such a cycle costs two frames more, and may fail where the answer in front is the one
that is lost. The same register is asked again after len(READABLE_REGISTERS) cycles: answers later than so many periods,
180 ms at 250 Hz, could still be confused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle

from drivers.can.load import frame_bits_max
from drivers.can.port import CanFrame, CanPort
from drivers.damiao import protocol
from drivers.damiao.protocol import READABLE_REGISTERS, Feedback, MitRange, Register, RegisterAnswer
from interfaces.errors import BusTimeoutError, DeviceError, ProtocolError

SETUP_ATTEMPTS = 3
SETUP_LATENCY_NS = 30_000_000  # nobody is in a hurry
LATENCY_NS = 500_000  # adapter and operating system, beyond the wire; then those who are missing are asked again


@dataclass(frozen=True, slots=True)
class BusMotor:
    """Who a motor is on the bus."""

    joint: str
    motor_id: int
    feedback_id: int
    span: MitRange


class DamiaoBus:
    """The motors on one port, by their index: single registers with retries, and the cycle of all motors at once."""

    def __init__(self, port: CanPort, path: str, bitrate_hz: int, motors: Sequence[BusMotor]) -> None:
        self._port = port
        self._path = path
        self._motors = list(motors)
        self._index = {motor.feedback_id: i for i, motor in enumerate(self._motors)}
        self._exchange_ns = round(2 * frame_bits_max(protocol.FRAME_BYTES) * 1e9 / bitrate_hz)
        self._fences = cycle(READABLE_REGISTERS)
        self._fence: tuple[int, int] | None = None  # (motor, register) whose answer has to come first
        self._behind_fence = [0] * len(self._motors)  # questions that went out after it
        self._heard = set(range(len(self._motors)))  # in the cycle before
        self._owed = [0] * len(self._motors)  # answers underway, or lost
        self._unknown = True  # answers may be underway to whoever had the port before
        self.n_foreign = 0  # frames that belonged to no motor of ours, or to no question

    def now_ns(self) -> int:
        """Return the instant on the port's clock."""
        return self._port.now_ns()

    def close(self) -> None:
        """Close the port."""
        self._port.close()

    def name(self, index: int) -> str:
        """Return how errors call a motor: id, joint and port."""
        return f"motor {self._motors[index].motor_id} ({self._motors[index].joint}) on {self._path}"

    def names(self, indices: Iterable[int]) -> str:
        """Return how errors call several motors."""
        return ", ".join(map(self.name, indices))

    def probe(self, index: int) -> bool:
        """Return whether a motor answers; raises DeviceError where it does so with another id than the robot file says."""
        try:
            return self.read(index, Register.MOTOR_ID) == self._motors[index].motor_id
        except BusTimeoutError:
            return False

    def read(self, index: int, register: int) -> int | float:
        """Return one register of a motor."""
        return self._request(index, protocol.read_register(self._motors[index].motor_id, register), register)

    def write(self, index: int, register: int, value: float) -> None:
        """Set one register of a motor, in its working memory, and see that it is kept; raises DeviceError where it is not."""
        motor_id = self._motors[index].motor_id
        self._request(index, protocol.write_register(motor_id, register, value), register)
        kept = self.read(index, register)
        if kept != value:
            raise DeviceError(f"{self.name(index)}: register {register} was set to {value} and reads {kept}")

    def tell(self, frames: Sequence[CanFrame]) -> None:
        """Send orders whose answers nobody waits for."""
        self._unknown = True
        self._port.send(frames)

    def refresh(self) -> list[CanFrame]:
        """Return the question of a cycle that commands nothing."""
        return [protocol.refresh(motor.motor_id) for motor in self._motors]

    def cycle(self, questions: Sequence[CanFrame], budget_ns: int) -> tuple[list[Feedback], int]:
        """Ask every motor one thing, (motor,), and return what they say and the instant it stands for.

        Done within `budget_ns`. Raises BusTimeoutError naming those who stay silent.
        """
        found, t_measured_ns = self.ask(questions, budget_ns)
        missing = [i for i, told in enumerate(found) if told is None]
        if missing:
            raise BusTimeoutError(f"{self.names(missing)}: no answer in time")
        return [told for told in found if told is not None], t_measured_ns

    def ask(self, questions: Sequence[CanFrame], budget_ns: int) -> tuple[list[Feedback | None], int]:
        """Do the same, but return None for those who stay silent."""
        t_start_ns = self._port.now_ns()
        t_end_ns = t_start_ns + budget_ns
        self._drain(t_start_ns)
        found: list[Feedback | None] = [None] * len(self._motors)
        behind = self._raise_fence() if self._unknown or any(self._owed) else []
        self._count(range(len(self._motors)))
        self._port.send([*behind, *questions])
        self._heard.clear()
        latency_ns = max(LATENCY_NS, budget_ns // 8)  # a slow bus is not made faster by more questions
        t_first_ns = self._collect(found, t_end_ns, latency_ns)
        if not all(found):
            self._ask_again(found, t_end_ns, latency_ns)
        return found, (t_first_ns + self._port.now_ns()) // 2

    def _ask_again(self, found: list[Feedback | None], t_end_ns: int, latency_ns: int) -> None:
        """Ask those who are missing for their feedback as long as there is time, less and less often."""
        while missing := [i for i, told in enumerate(found) if told is None]:
            t_now_ns = self._port.now_ns()
            n_exchanges = len(missing) + (self._fence is not None)
            if t_now_ns + n_exchanges * self._exchange_ns >= t_end_ns:
                self._collect(found, t_end_ns, t_end_ns - t_now_ns)
                return
            behind = self._raise_fence() if self._fence is not None else []
            self._count(missing)
            self._port.send([*behind, *(protocol.refresh(self._motors[i].motor_id) for i in missing)])
            latency_ns *= 2
            self._collect(found, t_end_ns, latency_ns)

    def _drain(self, t_now_ns: int) -> None:
        """Take in what came after its cycle, for the count alone."""
        late: list[Feedback | None] = [None] * len(self._motors)
        while (frame := self._port.receive(t_now_ns)) is not None:
            self._take(frame, late)
        if not self._unknown and not any(self._owed):
            self._fence = None

    def _count(self, indices: Iterable[int]) -> None:
        """Note that a question goes out to each of some motors."""
        for index in indices:
            self._owed[index] += 1
            self._behind_fence[index] += 1

    def _raise_fence(self) -> list[CanFrame]:
        """Return the question whose answer divides old from new: to a motor that was heard, and gets onto the wire first."""
        candidates = self._heard or range(len(self._motors))
        index = min(candidates, key=lambda i: self._motors[i].feedback_id)
        self._fence = index, next(self._fences)
        self._behind_fence = [0] * len(self._motors)
        return [protocol.read_register(self._motors[index].motor_id, self._fence[1])]

    def _pass_fence(self) -> None:
        """Forget what was underway before the fence: it came, or never will."""
        self._fence, self._unknown = None, False
        self._owed = list(self._behind_fence)

    def _collect(self, found: list[Feedback | None], t_end_ns: int, latency_ns: int) -> int:
        """Sort what arrives into `found` until all is there, or nothing came for a while; return the instant of the first.

        Commands go first onto the wire, then answers come one after the other.
        """
        t_now_ns = self._port.now_ns()
        t_first_ns: int | None = None
        t_wait_ns = t_now_ns + len(found) * self._exchange_ns // 2
        while not all(found):
            frame = self._port.receive(min(t_end_ns, t_wait_ns + self._exchange_ns + latency_ns))
            if frame is None:
                break
            t_wait_ns = max(t_wait_ns, self._port.now_ns())
            if self._take(frame, found):
                t_first_ns = t_first_ns or self._port.now_ns()
        return t_first_ns or self._port.now_ns()

    def _take(self, frame: CanFrame, found: list[Feedback | None]) -> bool:
        """Enter a frame where it belongs; return whether it is feedback, and new."""
        index = self._index.get(frame.can_id)
        if index is None or frame.extended or frame.remote:
            self.n_foreign += 1
            return False
        motor = self._motors[index]
        answer = _register_answer(frame, motor.motor_id)
        told = None if answer else _feedback(frame, motor)
        if answer is None and told is None:
            self.n_foreign += 1
            return False
        self._heard.add(index)
        if answer is not None:
            if (index, answer.register) == self._fence:
                self._pass_fence()
            return False
        self._owed[index] = max(0, self._owed[index] - 1)
        if self._fence is not None:
            return False
        found[index] = told
        return True

    def _request(self, index: int, question: CanFrame, register: int) -> int | float:
        """Return the register that a motor answers with, after a few attempts; raises BusTimeoutError."""
        motor = self._motors[index]
        elsewhere: int | None = None
        for _ in range(SETUP_ATTEMPTS):
            self._unknown = True
            self._port.discard()
            t_deadline_ns = self._port.now_ns() + self._exchange_ns + SETUP_LATENCY_NS
            self._port.send([question])
            while (frame := self._port.receive(t_deadline_ns)) is not None:
                answer = _register_answer(frame, motor.motor_id)
                if answer is None or answer.register != register or answer.operation != question.data[2]:
                    self.n_foreign += 1
                elif frame.can_id == motor.feedback_id:
                    return answer.value
                elif frame.can_id not in self._index:
                    elsewhere = frame.can_id
        if elsewhere is not None:
            raise DeviceError(
                f"{self.name(index)} answers with id {elsewhere:#x}; expected {motor.feedback_id:#x}, feedback_id of the robot file"
            )
        raise BusTimeoutError(f"{self.name(index)}: no answer in {SETUP_ATTEMPTS} attempts")


def _feedback(frame: CanFrame, motor: BusMotor) -> Feedback | None:
    """Return what a motor says of itself in a frame, None where it is cut short or names another motor."""
    try:
        told = protocol.parse_feedback(frame.data, motor.span)
    except ProtocolError:
        return None
    return told if told.id_nibble == motor.motor_id & 0xF else None


def _register_answer(frame: CanFrame, motor_id: int) -> RegisterAnswer | None:
    """Return what a frame says about a register of a motor, None where it says nothing of that kind."""
    try:
        answer = protocol.parse_register_answer(frame.data)
    except ProtocolError:
        return None
    return answer if answer.motor_id == motor_id and answer.register in READABLE_REGISTERS else None
