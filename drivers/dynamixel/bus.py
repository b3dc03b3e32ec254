"""Requests and answers on a Dynamixel bus: every exchange has a deadline, and what came too late is never taken for an answer.

A half-duplex adapter may send our own bytes back. They are no status packets and so never taken for one; that they come is
noticed once, in `probe`, and allowed for in the number of bytes ever after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivers.dynamixel import protocol
from drivers.dynamixel.fast_read import fast_status_bytes, fast_status_lead, parse_fast_status
from drivers.dynamixel.parser import PacketParser
from drivers.dynamixel.protocol import ALERT, STATUS_BYTES, Packet, StatusError
from drivers.dynamixel.questions import LATE_MAX_NS, FeedbackQuestions, Question
from drivers.dynamixel.registers import (
    FEEDBACK_BYTES,
    FEEDBACK_END,
    FEEDBACK_FRAME,
    FIRMWARE_VERSION,
    MODEL_NUMBER,
    Register,
)
from drivers.serial.port import BytePort
from interfaces.errors import BusTimeoutError, DeviceError

SETUP_ATTEMPTS = 3
SETUP_LATENCY_NS = 30_000_000  # nobody is in a hurry, and the servo's return delay may still be long
CYCLE_LATENCY_NS = 2_500_000  # USB frames, and the operating system that wakes us; then the missing are asked again
SHORT_LATENCY_NS = 1_500_000  # what a prompt adapter may take of that; with less it makes no sense to ask again
TURNAROUND_NS = 60_000  # a servo's pause before it answers, with its return delay set to the shortest
LATE_BYTES = 1 << 16  # more than can have come since the last cycle
QUESTION_BYTES = 14  # a sync read, without the ids
PING_PARAMETERS = MODEL_NUMBER.size + FIRMWARE_VERSION.size


@dataclass(frozen=True, slots=True)
class Feedback:
    """What all servos told in one cycle, in the order of the bus."""

    errors: NDArray[np.uint8]  # (servo,) error bytes
    frames: NDArray[np.void]  # (servo,) FEEDBACK_FRAME
    t_measured_ns: int


class DynamixelBus:
    """The servos on one port: single reads and writes with retries, and the cycle of all servos at once."""

    def __init__(self, port: BytePort, path: str, baud_hz: int, names: Mapping[int, str]) -> None:
        self._port = port
        self._path = path
        self._ns_per_byte = 10e9 / baud_hz
        self._names = names
        self._echo = False
        self._questions = FeedbackQuestions()
        self._fast = False  # all servos know the fast sync read
        self._fast_failed = False  # the last one; a plain one tells better who is silent
        self._t_clean_ns = 0  # no answer to a single request can be late any more
        self.t_told_ns = 0  # when the servos last heard us

    def close(self) -> None:
        """Close the port."""
        self._port.close()

    def now_ns(self) -> int:
        """Return the instant on the port's clock."""
        return self._port.now_ns()

    def name(self, servo_id: int) -> str:
        """Return how errors call a servo: id, joint and port."""
        return f"servo {servo_id} ({self._names[servo_id]}) on {self._path}"

    def probe(self, servo_id: int) -> tuple[int, int] | None:
        """Return a servo's model number and firmware version, None when it is silent, and learn whether the adapter echoes."""
        request = protocol.ping(servo_id)
        for _ in range(SETUP_ATTEMPTS):
            received = self._ask(request, STATUS_BYTES + PING_PARAMETERS, SETUP_LATENCY_NS)
            self._echo = self._echo or received.startswith(request)
            for packet in PacketParser(PING_PARAMETERS).feed(received):
                if packet.servo_id == servo_id:
                    return int.from_bytes(packet.parameters[:2], "little"), packet.parameters[2]
            self._mark_late()
        return None

    def read(self, servo_id: int, address: int, count: int) -> bytes:
        """Return `count` bytes of a servo's memory; raises BusTimeoutError, DeviceError where the servo refuses."""
        return self._request(servo_id, protocol.read(servo_id, address, count), count, f"reading {address}")

    def read_register(self, servo_id: int, register: Register) -> int:
        """Return one register of a servo in counts."""
        return register.decode(self.read(servo_id, register.address, register.size), register.address)

    def write(self, servo_id: int, register: Register, value: int) -> None:
        """Write one register of a servo, and wait until it says so; raises DeviceError where it refuses."""
        request = protocol.write(servo_id, register.address, register.encode(value))
        self._request(servo_id, request, 0, f"writing {value} to {register.address}")

    def peek(self, servo_id: int, register: Register) -> int | None:
        """Return one register of a servo, or None when it does not answer at once: for looks between cycles."""
        if self._port.now_ns() < self._t_clean_ns:
            return None
        question = protocol.read(servo_id, register.address, register.size)
        received = self._ask(question, STATUS_BYTES + register.size, CYCLE_LATENCY_NS)
        for packet in PacketParser(register.size).feed(received):
            if packet.servo_id == servo_id:
                return register.decode(packet.parameters, register.address)
        self._mark_late()
        return None

    def tell(self, order: bytes) -> None:
        """Send an order that nobody answers."""
        self._port.write(order)
        self.t_told_ns = self._port.now_ns()

    def learn_fast(self) -> str | None:
        """Find out whether all servos know the fast sync read; returns the name of the first that does not."""
        ids = list(self._names)
        found: dict[int, Packet] = {}
        for _ in range(SETUP_ATTEMPTS):
            question = self._questions.pick(self._port.now_ns(), ids, fast=True)
            if question is None:
                break
            found = max(found, self._ask_all(question, b"", ids, latency_ns=SETUP_LATENCY_NS), key=len)
            if len(found) == len(ids):
                self._fast = True
                return None
        return next(self.name(servo_id) for servo_id in ids if servo_id not in found)

    def cycle(self, orders: bytes, budget_ns: int) -> Feedback:
        """Send `orders`, then return the feedback of all servos.

        Done within `budget_ns`: servos that stay silent are asked once more where the budget allows it. Raises
        BusTimeoutError naming them.
        """
        t_end_ns = self._port.now_ns() + budget_ns
        if not self._questions.all_answered:
            self._questions.hear(self._port.read(LATE_BYTES, self._port.now_ns()))
        self._port.discard()
        question = self._pick()
        if question is None:
            self.tell(orders)  # the servos shall go on hearing us
            raise BusTimeoutError(
                f"{self._path}: nothing is asked until answers that are late have come; no servo answers"
            )
        patience_ns = self._patience_ns(len(orders), budget_ns)
        found = self._ask_all(question, orders, list(self._names), latency_ns=patience_ns, t_end_ns=t_end_ns)
        self._fast_failed = question.fast and len(found) < len(self._names)
        if len(found) < len(self._names):
            found.update(self._ask_again(question, found, t_end_ns))
        return self._feedback(found)

    def _pick(self) -> Question | None:
        t_now_ns, ids = self._port.now_ns(), list(self._names)
        fast = self._fast and not self._fast_failed
        question = self._questions.pick(t_now_ns, ids, fast=fast)
        return question or (self._questions.pick(t_now_ns, ids, fast=not fast) if self._fast else None)

    def _patience_ns(self, n_order_bytes: int, budget_ns: int) -> int:
        """Return how long an answer may be late before the missing are asked again; to the end where there is no time for that."""
        n_servos = len(self._names)
        n_answer_bytes = n_servos * (STATUS_BYTES + FEEDBACK_BYTES)
        once_ns = self._takes_ns(QUESTION_BYTES + n_servos, n_answer_bytes, n_servos)
        room_ns = budget_ns - 2 * once_ns - self._takes_ns(n_order_bytes, 0, 0)
        return min(CYCLE_LATENCY_NS, room_ns // 2) if room_ns >= 2 * SHORT_LATENCY_NS else budget_ns

    def _ask_again(self, question: Question, found: Mapping[int, Packet], t_end_ns: int) -> dict[int, Packet]:
        """Return the answers of the servos missing in `found`, asked plainly; raises BusTimeoutError naming who is silent."""
        missing = [servo_id for servo_id in self._names if servo_id not in found]
        t_now_ns = self._port.now_ns()
        n_bytes = len(missing) * (STATUS_BYTES + FEEDBACK_BYTES)
        takes_ns = self._takes_ns(QUESTION_BYTES + len(missing), n_bytes, len(missing))
        again = self._questions.pick(t_now_ns, missing, fast=False) if t_now_ns + takes_ns < t_end_ns else None
        if again is not None:
            more = self._ask_all(again, b"", missing, t_end_ns=t_end_ns, latency_ns=LATE_MAX_NS)
            silent = [servo_id for servo_id in missing if servo_id not in more]
            if not silent:
                return more
            missing, question = silent, again
        # A fast answer ends with the first servo that is silent: those behind it may be well.
        suspects, others = (missing[:1], missing[1:]) if question.fast else (missing, [])
        unheard = f"; {len(others)} behind it could not be heard" if others else ""
        raise BusTimeoutError(f"{', '.join(self.name(servo_id) for servo_id in suspects)}: no answer in time{unheard}")

    def _ask_all(
        self,
        question: Question,
        orders: bytes,
        ids: Sequence[int],
        *,
        latency_ns: int = CYCLE_LATENCY_NS,
        t_end_ns: int | None = None,
    ) -> dict[int, Packet]:
        """Send `orders` and the question, and return the answers that come within `latency_ns`, and before `t_end_ns`."""
        count = question.count
        request = orders + protocol.sync_read(FEEDBACK_END - count, count, ids, fast=question.fast)
        n_bytes = fast_status_bytes([count] * len(ids)) if question.fast else len(ids) * (STATUS_BYTES + count)
        t_due_ns = self._port.now_ns() + self._takes_ns(len(request), n_bytes, len(ids)) + latency_ns
        self.tell(request)
        receive = self._receive_fast if question.fast else self._receive_plain
        echo_bytes = len(request) if self._echo else 0
        t_deadline_ns = min(t_end_ns or t_due_ns, t_due_ns)
        packets, received = receive(dict.fromkeys(ids, count), n_bytes + echo_bytes, t_deadline_ns)
        found = {packet.servo_id: packet for packet in packets if packet.servo_id in ids}
        if found:
            self._questions.answered(question, wholly=len(found) == len(ids))
        self._questions.hear(received)
        return found

    def _receive_fast(self, counts: Mapping[int, int], n_bytes: int, t_deadline_ns: int) -> tuple[list[Packet], bytes]:
        """Return the packets that came in time, and all that came."""
        lead = fast_status_lead(list(counts.values()))
        n_whole = fast_status_bytes(list(counts.values()))
        packets: list[Packet] = []
        received = b""
        while n_bytes > 0 and len(packets) < len(counts) and (more := self._port.read(n_bytes, t_deadline_ns)):
            received += more
            packets = parse_fast_status(received, counts)
            start = received.find(lead)
            n_bytes = n_whole - (len(received) - start if start >= 0 else 0)
        return packets, received

    def _receive_plain(self, counts: Mapping[int, int], n_bytes: int, t_deadline_ns: int) -> tuple[list[Packet], bytes]:
        """Return the packets that came in time, and all that came."""
        count = next(iter(counts.values()))
        parser = PacketParser(count)
        packets: list[Packet] = []
        received = b""
        while n_bytes > 0 and (more := self._port.read(n_bytes, t_deadline_ns)):
            received += more
            packets += parser.feed(more)
            n_lacking = len(counts.keys() - {packet.servo_id for packet in packets})
            # Stuffing makes packets longer than what they carry, garbage comes on top: go on until all is there.
            begun_bytes = parser.n_missing or STATUS_BYTES + count
            n_bytes = begun_bytes + (n_lacking - 1) * (STATUS_BYTES + count) if n_lacking else 0
        return packets, received

    def _feedback(self, found: Mapping[int, Packet]) -> Feedback:
        packets = [found[servo_id] for servo_id in self._names]
        block = b"".join(packet.parameters[-FEEDBACK_BYTES:] for packet in packets)
        # The servos look at themselves when they answer, one after the other: take the middle of that.
        answers_ns = len(packets) * (STATUS_BYTES + FEEDBACK_BYTES) * self._ns_per_byte
        return Feedback(
            errors=np.array([packet.error for packet in packets], np.uint8),
            frames=np.frombuffer(block, FEEDBACK_FRAME),
            t_measured_ns=self._port.now_ns() - round(answers_ns / 2),
        )

    def _request(self, servo_id: int, request: bytes, parameter_count: int, doing: str) -> bytes:
        """Return the parameters of one servo's answer, after a few attempts; raises BusTimeoutError or DeviceError."""
        self._drain()
        for _ in range(SETUP_ATTEMPTS):
            received = self._ask(request, STATUS_BYTES + parameter_count, SETUP_LATENCY_NS)
            for packet in PacketParser(parameter_count, refusals=True).feed(received):
                error = packet.error & ~ALERT
                if packet.servo_id != servo_id or error == StatusError.CRC:  # ask again
                    continue
                if error:
                    raise DeviceError(f"{self.name(servo_id)}, {doing}: {protocol.describe_error(error)}")
                return packet.parameters
            self._mark_late()
        raise BusTimeoutError(f"{self.name(servo_id)}: no answer in {SETUP_ATTEMPTS} attempts")

    def _ask(self, request: bytes, count: int, latency_ns: int) -> bytes:
        """Return what came on a request to one servo; stuffing may have made it longer than `count`."""
        self._port.discard()
        n_bytes = count + (len(request) if self._echo else 0)
        t_deadline_ns = self._port.now_ns() + self._takes_ns(len(request), count, 1) + latency_ns
        self.tell(request)
        received = self._port.read(n_bytes, t_deadline_ns)
        parser = PacketParser()
        packets = parser.feed(received)
        while parser.n_missing and (more := self._port.read(parser.n_missing, t_deadline_ns)):
            received += more
            packets += parser.feed(more)
        return received

    def _mark_late(self) -> None:
        self._t_clean_ns = self._port.now_ns() + LATE_MAX_NS

    def _drain(self) -> None:
        """Wait until no answer to an earlier single request can come, and drop what does."""
        while self._port.now_ns() < self._t_clean_ns:
            self._port.read(1024, self._t_clean_ns)

    def _takes_ns(self, n_request_bytes: int, n_answer_bytes: int, n_servos: int) -> int:
        n_bytes = n_request_bytes * (1 + self._echo) + n_answer_bytes
        return round(n_bytes * self._ns_per_byte) + n_servos * TURNAROUND_NS


def check_kept(bus: DynamixelBus, servo_id: int, register: Register, value: int) -> None:
    """Read a register back; raises DeviceError when the servo did not take the value."""
    kept = bus.read_register(servo_id, register)
    if kept != value:
        raise DeviceError(f"{bus.name(servo_id)}: register {register.address} was set to {value} and reads {kept}")
