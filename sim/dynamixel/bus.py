"""The half-duplex bus that emulated Dynamixel servos hang on: bytes in, bytes out with the instant they are on the wire.

A servo that is set to another rate hears nothing. A packet to one servo with a wrong crc is answered with the error that says
so, where the status level lets it speak; one to all with silence.

Undocumented, and so decided here: a request begun and not continued for 5 ms is forgotten; in a sync or bulk read, servos
after one that is missing answer in its stead at once; in a fast one the answer ends there; servos answer a broadcast ping
3 ms after one another by their ids, the time that the vendor's SDK allows each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from drivers.dynamixel.fast_read import fast_status_block, fast_status_lead
from drivers.dynamixel.parser import PacketParser
from drivers.dynamixel.protocol import (
    BROADCAST_ID,
    Instruction,
    Packet,
    StatusError,
    build_status,
    crc16,
)
from drivers.dynamixel.registers import FIRMWARE_VERSION, MODEL_NUMBER
from sim.dynamixel.emulator import EmulatedDynamixel
from sim.serial.bus import Reply
from sim.serial.servo_line import ServoLine

PING_SLOT_NS = 3_000_000
ANSWERED_FROM_LEVEL: dict[int, int] = {Instruction.PING: 0, Instruction.READ: 1}  # all others from 2
Span = tuple[int, int]  # address, count
Listening = Mapping[int, EmulatedDynamixel]  # by id


class DynamixelServoBus(ServoLine[EmulatedDynamixel, PacketParser]):
    """Servos on one wire; not for more than one thread."""

    def __init__(self, servos: Sequence[EmulatedDynamixel], baud_hz: int = 57_600) -> None:
        super().__init__(servos, baud_hz, PacketParser())
        self._orders: dict[int, Callable[[EmulatedDynamixel, bytes], int]] = {
            Instruction.WRITE: lambda servo, data: servo.write(int.from_bytes(data[:2], "little"), data[2:]),
            Instruction.REG_WRITE: lambda servo, data: servo.reg_write(int.from_bytes(data[:2], "little"), data[2:]),
            Instruction.ACTION: lambda servo, _data: servo.action(),
            Instruction.FACTORY_RESET: lambda servo, data: servo.factory_reset(data),
            Instruction.CLEAR: lambda servo, data: servo.clear(data),
            Instruction.REBOOT: lambda servo, _data: servo.reboot(),
        }
        self._groups: dict[int, Callable[[Packet, Listening], list[Reply]]] = {
            Instruction.PING: self._broadcast_ping,
            Instruction.SYNC_READ: self._read_each,
            Instruction.BULK_READ: self._read_each,
            Instruction.FAST_SYNC_READ: self._read_fast,
            Instruction.FAST_BULK_READ: self._read_fast,
            Instruction.SYNC_WRITE: _write_each,
            Instruction.BULK_WRITE: _write_each,
        }

    def handle(self, data: bytes, t_now_ns: int) -> list[Reply]:
        """Put the host's bytes on the wire at `t_now_ns`, and return what comes back."""
        self._forget_old(t_now_ns)
        replies = self._wire.ask(data, t_now_ns)
        for packet in self._parser.feed(data):
            replies += self._execute(packet)
        damaged, self._parser.damaged_ids = self._parser.damaged_ids, []
        listening = self._listening()
        for servo_id in damaged:
            servo = listening.get(servo_id)
            if servo is not None and servo.status_level == 2:
                replies += self._answer(servo, servo_id, StatusError.CRC, b"")
        return replies

    def _listening(self) -> dict[int, EmulatedDynamixel]:
        return {
            servo.servo_id: servo
            for servo in self.servos
            if servo.baud_hz == self._wire.baud_hz and servo.servo_id not in self.faults.silent_ids
        }

    def _execute(self, packet: Packet) -> list[Reply]:
        listening = self._listening()
        for servo in listening.values():
            servo.hear(self._wire.t_free_ns)
        if packet.servo_id != BROADCAST_ID:
            servo = listening.get(packet.servo_id)
            return [] if servo is None else self._execute_one(servo, packet)
        if packet.instruction in self._groups:
            return self._groups[packet.instruction](packet, listening)
        if packet.instruction in self._orders:
            for servo in listening.values():
                self._orders[packet.instruction](servo, packet.parameters)
        return []

    def _execute_one(self, servo: EmulatedDynamixel, packet: Packet) -> list[Reply]:
        error, answer, level = 0, b"", servo.status_level
        if packet.instruction == Instruction.PING:
            answer = _identity(servo)
        elif packet.instruction == Instruction.READ and len(packet.parameters) == 4:
            servo.measure()
            answer = servo.read(*_span(packet.parameters))
        else:
            order = self._orders.get(packet.instruction)
            error = StatusError.INSTRUCTION if order is None else order(servo, packet.parameters)
        # A write of the level itself is answered where the old or the new one lets it.
        answers = max(level, servo.status_level) >= ANSWERED_FROM_LEVEL.get(packet.instruction, 2)
        return self._answer(servo, packet.servo_id, error, answer) if answers else []

    def _broadcast_ping(self, _packet: Packet, listening: Listening) -> list[Reply]:
        t_asked_ns = self._wire.t_free_ns
        replies: list[Reply] = []
        for servo_id, servo in sorted(listening.items()):
            t_slot_ns = t_asked_ns + PING_SLOT_NS * servo_id
            status = build_status(servo_id, servo.alert, _identity(servo))
            replies += self._wire.answer(status, max(servo.return_delay_ns, t_slot_ns - self._wire.t_free_ns))
        return replies

    def _read_each(self, packet: Packet, listening: Listening) -> list[Reply]:
        replies: list[Reply] = []
        for servo_id, span in _spans(packet).items():
            servo = listening.get(servo_id)
            if servo is not None and servo.status_level >= 1:
                servo.advance(self._wire.t_free_ns)
                servo.measure()
                replies += self._answer(servo, servo_id, 0, servo.read(*span))
        return replies

    def _read_fast(self, packet: Packet, listening: Listening) -> list[Reply]:
        replies: list[Reply] = []
        spans = _spans(packet)
        unsent = fast_status_lead([count for _, count in spans.values()])
        crc = crc16(unsent)
        for servo_id, span in spans.items():
            servo = listening.get(servo_id)
            if servo is None or not servo.knows_fast_reads or servo.status_level < 1:
                break
            servo.advance(self._wire.t_free_ns)
            servo.measure()
            block = fast_status_block(servo_id, servo.alert, servo.read(*span), crc)
            crc = crc16(block, crc)
            replies += self._wire.answer(unsent + block, servo.return_delay_ns if unsent else 0)
            unsent = b""
        return replies

    def _answer(self, servo: EmulatedDynamixel, servo_id: int, error: int, answer: bytes) -> list[Reply]:
        """Put one answer on the wire; `servo_id` is who was asked, also where that was just changed."""
        return self._wire.answer(build_status(servo_id, error | servo.alert, answer), servo.return_delay_ns)


def _identity(servo: EmulatedDynamixel) -> bytes:
    return MODEL_NUMBER.encode(servo.get(MODEL_NUMBER)) + FIRMWARE_VERSION.encode(servo.get(FIRMWARE_VERSION))


def _span(parameters: bytes) -> Span:
    return int.from_bytes(parameters[:2], "little"), int.from_bytes(parameters[2:4], "little")


def _spans(packet: Packet) -> dict[int, Span]:
    """Return what a read of several servos asks of each, in order."""
    parameters = packet.parameters
    if packet.instruction in {Instruction.SYNC_READ, Instruction.FAST_SYNC_READ}:
        return dict.fromkeys(parameters[4:], _span(parameters)) if len(parameters) > 4 else {}
    return {parameters[i]: _span(parameters[i + 1 :]) for i in range(0, len(parameters) - 4, 5)}


def _write_each(packet: Packet, listening: Listening) -> list[Reply]:
    for servo_id, (address, data) in _writes(packet).items():
        if servo_id in listening:
            listening[servo_id].write(address, data)
    return []


def _writes(packet: Packet) -> dict[int, tuple[int, bytes]]:
    """Return what a write to several servos tells each."""
    parameters = packet.parameters
    writes: dict[int, tuple[int, bytes]] = {}
    if packet.instruction == Instruction.SYNC_WRITE:
        address, count = _span(parameters)
        for i in range(4, len(parameters) - count, count + 1):
            writes[parameters[i]] = (address, parameters[i + 1 : i + 1 + count])
        return writes
    i = 0
    while i + 5 <= len(parameters):
        address, count = _span(parameters[i + 1 :])
        writes[parameters[i]] = (address, parameters[i + 5 : i + 5 + count])
        i += 5 + count
    return writes
