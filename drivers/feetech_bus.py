"""Requests and answers on a Feetech bus: every exchange has a deadline, and what came too late is never taken for an answer.

A half-duplex adapter may send our own bytes back; that is noticed once, in `probe`, and allowed for ever after.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from drivers import feetech_protocol as protocol
from drivers.feetech_protocol import OVERHEAD_BYTES, Packet, PacketParser
from drivers.feetech_registers import (
    FEEDBACK_ADDRESS,
    FEEDBACK_BYTES,
    FEEDBACK_FRAME,
    MODEL_NUMBER,
    Register,
    feedback_frames,
)
from drivers.serial_port import BytePort
from interfaces.errors import BusTimeoutError, DeviceError

SETUP_ATTEMPTS = 3
SETUP_LATENCY_NS = 30_000_000  # nobody is in a hurry, and the servo's return delay may still be long
CYCLE_LATENCY_NS = 2_500_000  # USB frames, and the operating system that wakes us; then the missing are asked again
TURNAROUND_NS = 60_000  # a servo's pause before it answers, with its return delay set to the shortest
SETTLE_NS = 2_000_000  # silence after a failure, so that answers underway are not taken for new ones


class FeetechBus:
    """The servos on one port: single reads and writes with retries, and the cycle of all servos at once."""

    def __init__(self, port: BytePort, path: str, baud_hz: int, names: Mapping[int, str]) -> None:
        self._port = port
        self._path = path
        self._ns_per_byte = 10e9 / baud_hz
        self._names = names
        self._ids = np.array(list(names), np.uint8)
        self._echo = False
        self._unsettled = False

    def close(self) -> None:
        """Close the port."""
        self._port.close()

    def name(self, servo_id: int) -> str:
        """Return how errors call a servo: id, joint and port."""
        return f"servo {servo_id} ({self._names[servo_id]}) on {self._path}"

    def probe(self, servo_id: int) -> int | None:
        """Return a servo's model number, None when it does not answer, and learn whether the adapter echoes."""
        request = protocol.read(servo_id, MODEL_NUMBER.address, MODEL_NUMBER.size)
        if not self._echo:
            # The answer is as long as the request, and cannot equal it: it would have to tell the model number 0x0203.
            received = self._ask(request, OVERHEAD_BYTES + MODEL_NUMBER.size, latency_ns=SETUP_LATENCY_NS)
            self._echo = self._unsettled = received == request
        try:
            return MODEL_NUMBER.decode(
                self.read(servo_id, MODEL_NUMBER.address, MODEL_NUMBER.size), MODEL_NUMBER.address
            )
        except BusTimeoutError:
            return None

    def read(self, servo_id: int, address: int, count: int) -> bytes:
        """Return `count` bytes of a servo's memory."""
        return self._request(servo_id, protocol.read(servo_id, address, count), count).parameters

    def peek(self, servo_id: int, register: Register) -> int | None:
        """Return one register of a servo, or None when it does not answer at once: for looks between cycles."""
        question = protocol.read(servo_id, register.address, register.size)
        received = self._ask(question, OVERHEAD_BYTES + register.size, latency_ns=0)
        for packet in PacketParser(register.size).feed(received):
            if packet.servo_id == servo_id:
                return register.decode(packet.parameters, register.address)
        self._unsettled = True
        return None

    def write(self, servo_id: int, register: Register, value: int) -> None:
        """Write one register of a servo, and wait until it says so."""
        self._request(servo_id, protocol.write(servo_id, register.address, register.encode(value)), 0)

    def tell(self, order: bytes) -> None:
        """Send an order that nobody answers."""
        self._settle()
        self._port.write(order)

    def cycle(self, orders: bytes, budget_ns: int) -> tuple[NDArray[np.void], int]:
        """Send `orders`, then return the feedback of all servos, (servo,) FEEDBACK_FRAME, and the instant it stands for.

        Done within `budget_ns`: servos that stay silent are asked once more where the budget allows it. Raises
        BusTimeoutError naming them.
        """
        ids = self._ids
        question = protocol.sync_read(FEEDBACK_ADDRESS, FEEDBACK_BYTES, ids.tolist())
        self._settle()
        t_start_ns = self._port.now_ns()
        t_end_ns = t_start_ns + budget_ns
        request = orders + question
        self._port.write(request)
        count = FEEDBACK_FRAME.itemsize * len(ids)
        received = self._receive(request, count, min(t_end_ns, t_start_ns + self._cycle_ns(len(request), len(ids))))
        frames = feedback_frames(received, ids)
        if frames is None:
            frames = self._rescue(received, t_end_ns)
        # The servos look at themselves when they answer, one after the other: take the middle of that.
        return frames, self._port.now_ns() - round(count * self._ns_per_byte / 2)

    def _rescue(self, received: bytes, t_end_ns: int) -> NDArray[np.void]:
        """Return the frames after garbage or losses: sort out what came, ask the missing again, or raise."""
        parser = PacketParser(FEEDBACK_BYTES)
        found = {packet.servo_id: packet for packet in parser.feed(received)}
        missing = [servo_id for servo_id in self._names if servo_id not in found]
        self._unsettled = True
        if missing and self._port.now_ns() + self._cycle_ns(OVERHEAD_BYTES, len(missing)) - CYCLE_LATENCY_NS < t_end_ns:
            question = protocol.sync_read(FEEDBACK_ADDRESS, FEEDBACK_BYTES, missing)
            self._port.write(question)
            while missing and self._port.now_ns() < t_end_ns:
                more = self._port.read(FEEDBACK_FRAME.itemsize, t_end_ns)
                found.update((packet.servo_id, packet) for packet in parser.feed(more))
                missing = [servo_id for servo_id in self._names if servo_id not in found]
        if missing:
            raise BusTimeoutError(f"{', '.join(self.name(servo_id) for servo_id in missing)}: no answer in time")
        whole = b"".join(protocol.build_packet(i, found[i].code, found[i].parameters) for i in self._names)
        frames = feedback_frames(whole, self._ids)
        assert frames is not None
        return frames

    def _request(self, servo_id: int, request: bytes, parameter_count: int) -> Packet:
        """Return the answer of one servo, after a few attempts; raises BusTimeoutError."""
        for _ in range(SETUP_ATTEMPTS):
            received = self._ask(request, OVERHEAD_BYTES + parameter_count, latency_ns=SETUP_LATENCY_NS)
            for packet in PacketParser(parameter_count).feed(received):
                if packet.servo_id == servo_id:
                    return packet
            self._unsettled = True
        raise BusTimeoutError(f"{self.name(servo_id)}: no answer in {SETUP_ATTEMPTS} attempts")

    def _ask(self, request: bytes, count: int, *, latency_ns: int) -> bytes:
        self._settle()
        t_deadline_ns = self._port.now_ns() + self._cycle_ns(len(request), 1) + latency_ns
        self._port.write(request)
        return self._receive(request, count, t_deadline_ns)

    def _receive(self, request: bytes, count: int, t_deadline_ns: int) -> bytes:
        """Return `count` bytes after the echo of `request`, where there is one."""
        if not self._echo:
            return self._port.read(count, t_deadline_ns)
        received = self._port.read(len(request) + count, t_deadline_ns)
        # Without its echo in front, what follows could be the echo taken for an answer: rather ask again.
        self._unsettled = not received.startswith(request)
        return b"" if self._unsettled else received[len(request) :]

    def _settle(self) -> None:
        """Drop old bytes; after a failure wait for those still underway."""
        if self._unsettled:
            self._unsettled = False
            t_end_ns = self._port.now_ns() + SETTLE_NS
            while self._port.read(1024, t_end_ns) and self._port.now_ns() < t_end_ns:
                continue
        self._port.discard()

    def _cycle_ns(self, n_request_bytes: int, n_servos: int) -> int:
        n_bytes = n_request_bytes * (1 + self._echo) + n_servos * FEEDBACK_FRAME.itemsize
        return round(n_bytes * self._ns_per_byte) + n_servos * TURNAROUND_NS + CYCLE_LATENCY_NS


def check_kept(bus: FeetechBus, servo_id: int, register: Register, value: int) -> None:
    """Read a register back; raises DeviceError when the servo did not take the value."""
    kept = register.decode(bus.read(servo_id, register.address, register.size), register.address)
    if kept != value:
        raise DeviceError(f"{bus.name(servo_id)}: register {register.address} was set to {value} and reads {kept}")
