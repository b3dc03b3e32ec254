"""Framing of Dynamixel Protocol 2.0: values to bytes and back, no input or output.

    instruction   FF FF FD 00 id length(2) instruction       parameters... crc(2)
    status        FF FF FD 00 id length(2) 55          error parameters... crc(2)

`length` counts everything behind itself, `crc` is a CRC-16 (polynomial 8005, start 0, not reflected) of everything before
it. Numbers are little endian. Between length and crc every FF FF FD is followed by one more FD, so that a header is found
nowhere else; `length` and `crc` are those of the stuffed bytes. A fast read is answered differently: drivers/dynamixel/fast_read.py.

Source: ROBOTIS e-manual, "DYNAMIXEL Protocol 2.0". The vendor's Python SDK (dynamixel-sdk 4.1.0) does not stuff what it
sends, and it takes too much out of what it receives where two stuffed bytes are close together; rustypot 1.13 does both right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from interfaces.errors import ProtocolError

HEADER = b"\xff\xff\xfd\x00"
PREFIX_BYTES = 7  # header, id, length: what `length` does not count
STATUS_BYTES = 11  # a status packet without parameters
STATUS_CODE = 0x55
BROADCAST_ID = 0xFE
SERVO_ID_MAX = 0xFC
PARAMETERS_MAX = 1000  # more is garbage, not a packet; the vendor's SDK takes 1 KiB
CLEAR_TURNS = b"\x01DXL\x22"  # what `clear` must be told, lest it happens by chance
ALERT = 0x80  # bit of the error byte: see the hardware error status

_STUFFED = b"\xff\xff\xfd"


class Instruction(IntEnum):
    """What a packet asks of a servo."""

    PING = 0x01
    READ = 0x02
    WRITE = 0x03
    REG_WRITE = 0x04
    ACTION = 0x05
    FACTORY_RESET = 0x06
    REBOOT = 0x08
    CLEAR = 0x10
    SYNC_READ = 0x82
    SYNC_WRITE = 0x83
    FAST_SYNC_READ = 0x8A
    BULK_READ = 0x92
    BULK_WRITE = 0x93
    FAST_BULK_READ = 0x9A


class ResetScope(IntEnum):
    """What a factory reset leaves alone."""

    EVERYTHING = 0xFF  # nothing is left alone
    ALL_BUT_ID = 0x01
    ALL_BUT_ID_AND_BAUD = 0x02


class StatusError(IntEnum):
    """Why a servo did not do what it was asked, in the low seven bits of a status packet's error byte."""

    RESULT = 1
    INSTRUCTION = 2
    CRC = 3
    RANGE = 4
    LENGTH = 5
    LIMIT = 6
    ACCESS = 7


_MEANING = {
    StatusError.RESULT: "could not do it",
    StatusError.INSTRUCTION: "instruction not known",
    StatusError.CRC: "packet came damaged",
    StatusError.RANGE: "value out of range",
    StatusError.LENGTH: "data too short",
    StatusError.LIMIT: "value beyond a limit",
    StatusError.ACCESS: "address not accessible, or EEPROM locked by torque",
}


def describe_error(error: int) -> str:
    """Return what an error byte says, for people: "error 6, value beyond a limit"."""
    number = error & ~ALERT
    known = {int(kind): meaning for kind, meaning in _MEANING.items()}
    told = [f"error {number}, {known.get(number, 'unknown')}"] if number else []
    return ", ".join([*told, "hardware alert"] if error & ALERT else told)


def _crc_table() -> tuple[int, ...]:
    table: list[int] = []
    for octet in range(256):
        crc = octet << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x8005 if crc & 0x8000 else crc << 1) & 0xFFFF
        table.append(crc)
    return tuple(table)


_CRC_TABLE = _crc_table()


def crc16(data: bytes | bytearray, start: int = 0) -> int:
    """Return the CRC of `data`, begun where an earlier one, `start`, ended."""
    crc = start
    for octet in data:
        crc = (crc << 8 & 0xFFFF) ^ _CRC_TABLE[crc >> 8 ^ octet]
    return crc


def stuff(body: bytes) -> bytes:
    """Return the bytes between length and crc as they go over the wire."""
    return body.replace(_STUFFED, _STUFFED + b"\xfd")


def unstuff(body: bytes) -> bytes:
    """Return the bytes between length and crc as they were meant."""
    return body.replace(_STUFFED + b"\xfd", _STUFFED)


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet in either direction; `error` is that of a status packet, 0 on the way out."""

    servo_id: int
    instruction: int
    parameters: bytes
    error: int = 0


def build_packet(servo_id: int, instruction: int, parameters: bytes = b"") -> bytes:
    """Return the bytes of one packet; raises ProtocolError when it cannot be told on this bus."""
    if not 0 <= servo_id <= SERVO_ID_MAX and servo_id != BROADCAST_ID:
        raise ProtocolError(f"servo id {servo_id}; ids are 0..{SERVO_ID_MAX}, {BROADCAST_ID} is all")
    if len(parameters) > PARAMETERS_MAX:
        raise ProtocolError(f"a packet with {len(parameters)} parameters; one holds {PARAMETERS_MAX}")
    body = stuff(bytes((instruction,)) + parameters)
    packet = HEADER + bytes((servo_id,)) + (len(body) + 2).to_bytes(2, "little") + body
    return packet + crc16(packet).to_bytes(2, "little")


def build_status(servo_id: int, error: int, parameters: bytes = b"") -> bytes:
    """Return the bytes of one servo's answer."""
    return build_packet(servo_id, STATUS_CODE, bytes((error,)) + parameters)


def ping(servo_id: int) -> bytes:
    """Return the question whether a servo is there; it is answered with model number (2) and firmware version (1)."""
    return build_packet(servo_id, Instruction.PING)


def read(servo_id: int, address: int, count: int) -> bytes:
    """Return the request for `count` bytes of a servo's memory."""
    return build_packet(servo_id, Instruction.READ, _span(address, count))


def write(servo_id: int, address: int, data: bytes) -> bytes:
    """Return the order to write into a servo's memory at once."""
    return build_packet(servo_id, Instruction.WRITE, _word(address) + data)


def reg_write(servo_id: int, address: int, data: bytes) -> bytes:
    """Return the order to keep a write until `action`."""
    return build_packet(servo_id, Instruction.REG_WRITE, _word(address) + data)


def action(servo_id: int = BROADCAST_ID) -> bytes:
    """Return the order to carry out what `reg_write` left waiting."""
    return build_packet(servo_id, Instruction.ACTION)


def factory_reset(servo_id: int, scope: ResetScope) -> bytes:
    """Return the order to restore the factory's settings; to all servos at once only with their ids kept (firmware 42)."""
    if servo_id == BROADCAST_ID and scope == ResetScope.EVERYTHING:
        raise ProtocolError("a factory reset of every servo's id at once: no two servos may have the same id")
    return build_packet(servo_id, Instruction.FACTORY_RESET, bytes((scope,)))


def reboot(servo_id: int) -> bytes:
    """Return the order to start the servo's program anew: torque goes, and a hardware error is forgotten."""
    return build_packet(servo_id, Instruction.REBOOT)


def clear_turns(servo_id: int) -> bytes:
    """Return the order to forget whole turns (firmware 42); refused while the servo moves."""
    return build_packet(servo_id, Instruction.CLEAR, CLEAR_TURNS)


def sync_read(address: int, count: int, servo_ids: Sequence[int], *, fast: bool = False) -> bytes:
    """Return the request for the same bytes of several servos; `fast`: they answer with one packet between them."""
    instruction = Instruction.FAST_SYNC_READ if fast else Instruction.SYNC_READ
    return build_packet(BROADCAST_ID, instruction, _span(address, count) + _once_each(servo_ids))


def sync_write(address: int, data_by_id: Mapping[int, bytes]) -> bytes:
    """Return the order to write the same bytes of several servos; nobody answers."""
    counts = {len(data) for data in data_by_id.values()}
    if len(counts) != 1:
        raise ProtocolError(f"a sync write of {sorted(counts)} bytes; every servo gets the same number")
    parts = [bytes((servo_id,)) + data for servo_id, data in data_by_id.items()]
    return build_packet(BROADCAST_ID, Instruction.SYNC_WRITE, _span(address, counts.pop()) + b"".join(parts))


def bulk_read(spans: Mapping[int, tuple[int, int]], *, fast: bool = False) -> bytes:
    """Return the request for (address, count) of each servo; `fast`: they answer with one packet between them."""
    instruction = Instruction.FAST_BULK_READ if fast else Instruction.BULK_READ
    parts = [bytes((servo_id,)) + _span(*span) for servo_id, span in spans.items()]
    return build_packet(BROADCAST_ID, instruction, b"".join(parts))


def bulk_write(data_by_id: Mapping[int, tuple[int, bytes]]) -> bytes:
    """Return the order to write (address, data) of each servo; nobody answers."""
    parts = [bytes((servo_id,)) + _span(address, len(data)) + data for servo_id, (address, data) in data_by_id.items()]
    return build_packet(BROADCAST_ID, Instruction.BULK_WRITE, b"".join(parts))


def _once_each(servo_ids: Sequence[int]) -> bytes:
    if len(set(servo_ids)) != len(servo_ids):
        raise ProtocolError(f"servo ids {list(servo_ids)}; each may be asked once")
    return bytes(servo_ids)


def _word(value: int) -> bytes:
    if not 0 <= value <= 0xFFFF:
        raise ProtocolError(f"{value} is no address and no count; these are 0..65535")
    return value.to_bytes(2, "little")


def _span(address: int, count: int) -> bytes:
    return _word(address) + _word(count)
