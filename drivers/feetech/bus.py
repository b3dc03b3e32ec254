"""Requests and answers on a Feetech bus: every exchange has a deadline, and what came too late is never taken for an answer.

How an answer is known to be the one asked for stands in drivers/feetech/answers.py. Nothing that could be an echo is taken for an
answer either: a half-duplex adapter may send our own bytes back, and may begin or cease to at any time. An echoed read looks
like an answer of 2 bytes, an echoed write of a register like one of 2 or 3, so no question asks for so many.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from drivers.feetech import protocol
from drivers.feetech.answers import OpenQuestions
from drivers.feetech.feedback import FEEDBACK_FRAME_BYTES, Feedback, FeedbackRound, read_feedback
from drivers.feetech.protocol import OVERHEAD_BYTES, Packet, PacketParser
from drivers.feetech.registers import (
    FEEDBACK_BYTES,
    FEEDBACK_LENGTHS,
    MODEL_NUMBER,
    Register,
    feedback_address,
)
from drivers.serial.port import BytePort
from interfaces.errors import BusTimeoutError, DeviceError

SETUP_ATTEMPTS = 3
SETUP_LATENCY_NS = 30_000_000  # nobody is in a hurry, and the servo's return delay may still be long
CYCLE_LATENCY_NS = 2_500_000  # USB frames, and the operating system that wakes us; then the missing are asked again
TURNAROUND_NS = 60_000  # a servo's pause before it answers, with its return delay set to the shortest
DRAIN_READS = 64  # of 1 KiB: an adapter that babbles without end does not hold the cycle
READ_LENGTHS = (1, *range(4, FEEDBACK_BYTES))  # of single reads between cycles: neither an echo's nor the feedback's


class FeetechBus:
    """The servos on one port: single reads and writes with retries, and the cycle of all servos at once.

    `questions` outlasts a bus that is closed and opened again, as answers underway may.
    """

    def __init__(
        self, port: BytePort, path: str, baud_hz: int, names: Mapping[int, str], questions: OpenQuestions | None = None
    ) -> None:
        self._port = port
        self._path = path
        self._ns_per_byte = 10e9 / baud_hz
        self._names = names
        self._ids = list(names)
        self._questions = questions or OpenQuestions()
        self._parser = PacketParser(self._questions.lengths)
        self._echo = False
        self._heard = bytearray()  # since this exchange began

    def close(self) -> None:
        """Close the port."""
        self._port.close()

    def name(self, servo_id: int) -> str:
        """Return how errors call a servo: id, joint and port."""
        return f"servo {servo_id} ({self._names[servo_id]}) on {self._path}"

    def probe(self, servo_id: int) -> int | None:
        """Return a servo's model number, None when it does not answer."""
        try:
            return MODEL_NUMBER.decode(
                self.read(servo_id, MODEL_NUMBER.address, MODEL_NUMBER.size), MODEL_NUMBER.address
            )
        except BusTimeoutError:
            return None

    def read(self, servo_id: int, address: int, count: int) -> bytes:
        """Return `count` bytes of a servo's memory, after a few attempts; raises BusTimeoutError."""
        lengths = [n for n in (*READ_LENGTHS, *range(FEEDBACK_BYTES, 2 * FEEDBACK_LENGTHS.stop)) if n >= count]
        for _ in range(SETUP_ATTEMPTS):
            data = self._read_once(servo_id, address, lengths, SETUP_LATENCY_NS)
            if data is not None:
                return data[:count]
        raise BusTimeoutError(f"{self.name(servo_id)}: no answer in {SETUP_ATTEMPTS} attempts")

    def peek(self, servo_id: int, register: Register) -> int | None:
        """Return one register of a servo, or None when it does not answer at once: for looks between cycles."""
        lengths = [n for n in READ_LENGTHS if n >= register.size]
        data = self._read_once(servo_id, register.address, lengths, latency_ns=0)
        return None if data is None else register.decode(data, register.address)

    def write(self, servo_id: int, register: Register, value: int) -> None:
        """Write one register of a servo, and read it back; raises DeviceError when the servo does not take the value."""
        order = protocol.write(servo_id, register.address, register.encode(value))
        kept = None
        for _ in range(SETUP_ATTEMPTS):
            self._drain()
            self._send(order)
            n_bytes = OVERHEAD_BYTES + self._echo * len(order)
            self._listen(n_bytes, self._port.now_ns() + self._cycle_ns(len(order), 0, 1) + SETUP_LATENCY_NS)
            kept = register.decode(self.read(servo_id, register.address, register.size), register.address)
            if kept == value:
                return
        raise DeviceError(f"{self.name(servo_id)}: register {register.address} was set to {value} and reads {kept}")

    def tell(self, order: bytes) -> None:
        """Send an order that nobody answers."""
        self._drain()
        self._send(order)

    def cycle(self, orders: bytes, budget_ns: int, *, at_once: bool = False) -> tuple[list[Feedback], int]:
        """Send `orders`, then return the feedback of all servos, in order, and the instant it stands for.

        Done within `budget_ns`: servos that stay silent are asked once more where the budget allows it. A bus that has been
        silent for long is not asked in every cycle, unless `at_once`. Raises BusTimeoutError naming who did not answer.
        """
        self._drain()
        t_start_ns = self._port.now_ns()
        length = self._questions.free_length(FEEDBACK_LENGTHS, t_start_ns)
        if length is None or not (at_once or self._questions.is_due(t_start_ns)):
            self._send(orders)
            names = ", ".join(map(self.name, self._names))
            raise BusTimeoutError(f"{names}: no answer in time, and older ones may still come")
        ids = self._ids
        request = orders + _feedback_question(ids, length)
        self._send(request, length)
        n_bytes = (OVERHEAD_BYTES + length) * len(ids) + self._echo * len(request)
        t_first_ns = min(t_start_ns + budget_ns, t_start_ns + self._cycle_ns(len(request), length, len(ids)))
        received = self._port.read(n_bytes, t_first_ns)
        whole = received[len(request) :] if self._echo and received.startswith(request) else received
        feedback = read_feedback(whole, ids) if length == FEEDBACK_BYTES else None
        # The servos look at themselves when they answer, one after the other: take the middle of that.
        look_ns = round(FEEDBACK_FRAME_BYTES * len(ids) * self._ns_per_byte / 2)
        if feedback is not None:
            self._questions.close(length)
            return feedback, self._port.now_ns() - look_ns
        feedback = self._rescue(received, length, t_first_ns, t_start_ns + budget_ns)
        self._echo = request in self._heard
        return feedback, t_start_ns + round(len(request) * self._ns_per_byte) + look_ns  # no later than this, if late

    def _rescue(self, received: bytes, length: int, t_first_ns: int, t_end_ns: int) -> list[Feedback]:
        """Return the feedback after garbage or losses: sort out what came, ask the missing again, or raise."""
        asked = FeedbackRound(self._ids, self._questions)
        asked.ask(length, self._ids)
        for packet in self._take(received):
            asked.take(packet)
        self._collect(asked, t_first_ns)
        again = self._questions.free_length(FEEDBACK_LENGTHS, self._port.now_ns())
        if again is not None and self._may_ask_again(asked, again, t_end_ns):
            missing = asked.missing
            self._send(_feedback_question(missing, again), again)
            asked.ask(again, missing)
        self._collect(asked, t_end_ns)
        if asked.missing:
            names = ", ".join(self.name(servo_id) for servo_id in asked.missing)
            raise BusTimeoutError(f"{names}: no answer in time")
        return asked.feedback

    def _may_ask_again(self, feedback: FeedbackRound, length: int, t_end_ns: int) -> bool:
        """Return whether somebody is missing and there is time; a bus that has long been silent is not asked twice."""
        n_missing = len(feedback.missing)
        t_done_ns = self._port.now_ns() + self._cycle_ns(OVERHEAD_BYTES + 2 + n_missing, length, n_missing)
        if not n_missing or t_done_ns - CYCLE_LATENCY_NS >= t_end_ns:
            return False
        return n_missing < len(self._names) or len(self._questions.lengths) == 1

    def _collect(self, feedback: FeedbackRound, t_deadline_ns: int) -> None:
        while feedback.missing and self._port.now_ns() < t_deadline_ns:
            for packet in self._listen(self._parser.wanted(), t_deadline_ns):
                feedback.take(packet)

    def _read_once(self, servo_id: int, address: int, lengths: Iterable[int], latency_ns: int) -> bytes | None:
        """Return a servo's memory, in the first of `lengths` that can be told apart; None where no answer came in time."""
        self._drain()
        t_start_ns = self._port.now_ns()
        length = self._questions.free_length(lengths, t_start_ns)
        if length is None:
            return None
        request = protocol.read(servo_id, address, length)
        self._send(request, length)
        t_deadline_ns = t_start_ns + self._cycle_ns(len(request), length, 1) + latency_ns
        n_bytes = OVERHEAD_BYTES + length + self._echo * len(request)
        while True:
            for packet in self._listen(n_bytes, t_deadline_ns):
                if packet.servo_id == servo_id and len(packet.parameters) == length:
                    self._questions.close(length)
                    self._echo = request in self._heard
                    return packet.parameters
            if self._port.now_ns() >= t_deadline_ns:
                return None
            n_bytes = self._parser.wanted()

    def _drain(self) -> None:
        """Take what arrived meanwhile: it may end older questions, and answers none to come."""
        n_reads = 0
        while self._questions.lengths and n_reads < DRAIN_READS:
            data = self._port.read(1024, self._port.now_ns())
            if not data:
                break
            self._take(data)
            n_reads += 1
        else:
            self._port.discard()
            self._parser.reset()
        self._heard.clear()

    def _send(self, request: bytes, length: int | None = None) -> None:
        if length is not None:
            self._questions.ask(length, self._port.now_ns())
        if request:
            self._port.write(request)

    def _listen(self, n_bytes: int, t_deadline_ns: int) -> list[Packet]:
        return self._take(self._port.read(n_bytes, t_deadline_ns))

    def _take(self, data: bytes) -> list[Packet]:
        """Return the answers of our servos that `data` completes."""
        self._heard += data
        packets = [packet for packet in self._parser.feed(data) if packet.servo_id in self._names]
        for packet in packets:
            self._questions.heard(len(packet.parameters))
        return packets

    def _cycle_ns(self, n_request_bytes: int, length: int, n_servos: int) -> int:
        n_bytes = n_request_bytes * (1 + self._echo) + n_servos * (OVERHEAD_BYTES + length)
        return round(n_bytes * self._ns_per_byte) + n_servos * TURNAROUND_NS + CYCLE_LATENCY_NS


def _feedback_question(servo_ids: list[int], length: int) -> bytes:
    return protocol.sync_read(feedback_address(length), length, servo_ids)
