"""Framing of the Feetech SMS/STS bus ("FT-SCS", protocol 0): values to bytes and back, no input or output.

    instruction   FF FF id length instruction parameters... checksum
    status        FF FF id length error       parameters... checksum

`length` counts the parameters and two more, `checksum` is the inverted low byte of the sum of everything between header
and checksum. Numbers are little endian. Both directions have one framing, so one parser serves driver and emulator.

Source: Feetech, "Servo SCS Communication Protocol"; constants agree with the vendor's Python SDK (feetech-servo-sdk).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag

from interfaces.errors import ProtocolError

HEADER = b"\xff\xff"
BROADCAST_ID = 0xFE
SERVO_ID_MAX = 0xFD
OVERHEAD_BYTES = 6  # header, id, length, instruction or error, checksum
PARAMETERS_MAX = 248  # the largest packet the vendor's SDK sends or takes is 250 bytes long, counted by `length`
RECENTRE_TORQUE = 128  # written to torque enable: the present position becomes 2048


class Instruction(IntEnum):
    """What a packet asks of a servo."""

    PING = 0x01
    READ = 0x02
    WRITE = 0x03
    REG_WRITE = 0x04
    ACTION = 0x05
    FACTORY_RESET = 0x06
    REBOOT = 0x08
    RESET_TURNS = 0x0A
    RECALIBRATE = 0x0B
    SYNC_READ = 0x82
    SYNC_WRITE = 0x83


class ServoFault(IntFlag):
    """The bits of a status packet's error byte, and of the status register."""

    VOLTAGE = 0x01
    ENCODER = 0x02
    OVERHEAT = 0x04
    OVERCURRENT = 0x08
    OVERLOAD = 0x20


def fault_names(error: int) -> str:
    """Return the faults in an error byte, for people: "overheat, overload"."""
    names = [str(fault.name).lower() for fault in ServoFault if error & fault]
    unknown = error & ~sum(ServoFault)
    return ", ".join([*names, f"unknown bits {unknown:#04x}"] if unknown else names)


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet in either direction: `code` is the instruction on the way out, the error byte on the way back."""

    servo_id: int
    code: int
    parameters: bytes


def checksum(body: bytes | bytearray) -> int:
    """Return the checksum of the bytes between header and checksum."""
    return ~sum(body) & 0xFF


def build_packet(servo_id: int, code: int, parameters: bytes = b"") -> bytes:
    """Return the bytes of one packet; raises ProtocolError when it cannot be told on this bus."""
    if not 0 <= servo_id <= BROADCAST_ID:
        raise ProtocolError(f"servo id {servo_id}; ids are 0..{SERVO_ID_MAX}, {BROADCAST_ID} is all")
    if len(parameters) > PARAMETERS_MAX:
        raise ProtocolError(f"a packet with {len(parameters)} parameters; one holds {PARAMETERS_MAX}")
    body = bytes((servo_id, len(parameters) + 2, code)) + parameters
    return HEADER + body + bytes((checksum(body),))


def ping(servo_id: int) -> bytes:
    """Return the question whether a servo is there."""
    return build_packet(servo_id, Instruction.PING)


def read(servo_id: int, address: int, count: int) -> bytes:
    """Return the request for `count` bytes of a servo's memory."""
    return build_packet(servo_id, Instruction.READ, bytes((address, count)))


def write(servo_id: int, address: int, data: bytes) -> bytes:
    """Return the order to write into a servo's memory at once."""
    return build_packet(servo_id, Instruction.WRITE, bytes((address,)) + data)


def reg_write(servo_id: int, address: int, data: bytes) -> bytes:
    """Return the order to keep a write until `action`."""
    return build_packet(servo_id, Instruction.REG_WRITE, bytes((address,)) + data)


def action(servo_id: int = BROADCAST_ID) -> bytes:
    """Return the order to carry out what `reg_write` left waiting."""
    return build_packet(servo_id, Instruction.ACTION)


def factory_reset(servo_id: int) -> bytes:
    """Return the order to restore the factory's settings, all but the id."""
    return build_packet(servo_id, Instruction.FACTORY_RESET)


def reboot(servo_id: int) -> bytes:
    """Return the order to start the servo's program anew."""
    return build_packet(servo_id, Instruction.REBOOT)


def reset_turns(servo_id: int) -> bytes:
    """Return the order to forget whole turns."""
    return build_packet(servo_id, Instruction.RESET_TURNS)


def recalibrate(servo_id: int, position_ticks: int | None = None) -> bytes:
    """Return the order to call the present position 2048, or `position_ticks` (STS firmware 3.10 and newer)."""
    parameters = b"" if position_ticks is None else position_ticks.to_bytes(2, "little")
    return build_packet(servo_id, Instruction.RECALIBRATE, parameters)


def sync_read(address: int, count: int, servo_ids: Sequence[int]) -> bytes:
    """Return the request for the same bytes of several servos, which answer in the order of `servo_ids`."""
    return build_packet(BROADCAST_ID, Instruction.SYNC_READ, bytes((address, count, *servo_ids)))


def sync_write(address: int, data_by_id: Mapping[int, bytes]) -> bytes:
    """Return the order to write the same bytes of several servos; nobody answers."""
    counts = {len(data) for data in data_by_id.values()}
    if len(counts) != 1:
        raise ProtocolError(f"a sync write of {sorted(counts)} bytes; every servo gets the same number")
    parts = [bytes((servo_id,)) + data for servo_id, data in data_by_id.items()]
    return build_packet(BROADCAST_ID, Instruction.SYNC_WRITE, bytes((address, counts.pop())) + b"".join(parts))


class PacketParser:
    """Finds packets in a stream of bytes, and its way back after garbage.

    With `parameter_counts`, which may be a view that changes, only packets of those sizes are taken. Whoever knows what
    must come is then not held up by a length byte that lies or by a packet that was cut short: a whole packet is found with
    its own last byte. And of the random packets that an 8-bit checksum lets through, one in 256, few have the right size.
    """

    def __init__(self, parameter_counts: int | Collection[int] | None = None) -> None:
        self._buffer = bytearray()
        self._counts = (parameter_counts,) if isinstance(parameter_counts, int) else parameter_counts
        self.n_skipped = 0  # bytes that belonged to no packet

    def feed(self, data: bytes) -> list[Packet]:
        """Return the packets completed by `data`; never raises."""
        buffer = self._buffer
        buffer += data
        packets: list[Packet] = []
        start = taken = 0  # where to look next, and up to where all is done with
        unfinished: int | None = None
        while (header := buffer.find(HEADER, start)) >= 0 and len(buffer) >= header + 4:
            end = header + 4 + buffer[header + 3]
            start = header + 1
            if not self._plausible(buffer[header + 2], buffer[header + 3]):
                continue
            if end > len(buffer):
                unfinished = header if unfinished is None else unfinished
                if self._counts is None:
                    break
            elif checksum(buffer[header + 2 : end - 1]) == buffer[end - 1]:
                packets.append(Packet(buffer[header + 2], buffer[header + 4], bytes(buffer[header + 5 : end - 1])))
                self.n_skipped += header - taken
                start, taken, unfinished = end, end, None
        keep = self._tail(start) if unfinished is None else unfinished
        self.n_skipped += keep - taken
        del buffer[:keep]
        return packets

    def wanted(self) -> int:
        """Return how many bytes must come at least before another packet can be whole; 1 where any size is taken."""
        if not self._counts:
            return 1
        buffer = self._buffer
        shortest = OVERHEAD_BYTES + min(self._counts)
        wanted = shortest - buffer.endswith(b"\xff")
        header = buffer.find(HEADER)
        while header >= 0:
            if len(buffer) < header + 4:
                wanted = min(wanted, shortest - (len(buffer) - header))
            elif self._plausible(buffer[header + 2], buffer[header + 3]):
                wanted = min(wanted, header + 4 + buffer[header + 3] - len(buffer))
            header = buffer.find(HEADER, header + 1)
        return max(1, wanted)

    def reset(self) -> None:
        """Forget a packet that was begun."""
        self.n_skipped += len(self._buffer)
        self._buffer.clear()

    def _tail(self, start: int) -> int:
        """Return from where on the buffer may be the beginning of a packet, nothing before `start` being one."""
        header = self._buffer.find(HEADER, start)
        if header >= 0:
            return header
        return len(self._buffer) - self._buffer.endswith(b"\xff", start)

    def _plausible(self, servo_id: int, length: int) -> bool:
        if servo_id > BROADCAST_ID:
            return False
        return 2 <= length <= PARAMETERS_MAX + 2 if self._counts is None else length - 2 in self._counts
