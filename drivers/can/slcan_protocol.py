"""The wire format of serial CAN adapters (slcan): CAN frames as lines of text, and back. Pure.

A line ends with a carriage return; a bell says that the adapter refuses. Source: Lawicel, "CAN232 manual" 3.0 (commands,
status flags); Linux, drivers/net/can/slcan/slcan-core.c (the lines about state and errors that newer adapters send by themselves).
"""

from __future__ import annotations

import re
from enum import IntFlag

from drivers.can.port import CanFrame
from interfaces.errors import ProtocolError

END, BELL = b"\r", b"\a"
LINE_MAX = 32  # bytes; the longest line there is has 30, with its time stamp

# Bits a second -> the command that chooses them. Not S7: it is 800 000 for Lawicel and Linux, 750 000 for CANable and python-can.
RATES = {
    10_000: b"S0",
    20_000: b"S1",
    50_000: b"S2",
    100_000: b"S3",
    125_000: b"S4",
    250_000: b"S5",
    500_000: b"S6",
    1_000_000: b"S8",
}

_FRAME = re.compile(rb"(?:t([0-7][0-9A-Fa-f]{2})|T([01][0-9A-Fa-f]{7}))([0-8])((?:[0-9A-Fa-f]{2})*)")
_REMOTE = re.compile(rb"(?:r([0-7][0-9A-Fa-f]{2})|R([01][0-9A-Fa-f]{7}))([0-8])([0-9A-Fa-f]{4})?")
_STAMP = 4  # digits that an adapter may put behind the data


class Status(IntFlag):
    """What an adapter answers to F."""

    RECEIVE_FULL = 0x01
    SEND_FULL = 0x02
    WARNING = 0x04
    OVERRUN = 0x08
    PASSIVE = 0x20
    ARBITRATION_LOST = 0x40
    BUS_ERROR = 0x80


def encode_frame(frame: CanFrame) -> bytes:
    """Return the line that sends, or tells of, a frame."""
    kind = (b"R" if frame.remote else b"T") if frame.extended else (b"r" if frame.remote else b"t")
    can_id = b"%08X" % frame.can_id if frame.extended else b"%03X" % frame.can_id
    data = b"" if frame.remote else frame.data.hex().upper().encode()
    return kind + can_id + b"%d" % len(frame.data) + data + END


def decode_frame(line: bytes) -> CanFrame:
    """Return the frame of a line without its end; raises ProtocolError where it is none."""
    if match := _FRAME.fullmatch(line):
        n_data = int(match[3])
        if len(match[4]) in {2 * n_data, 2 * n_data + _STAMP}:
            return _frame(match, bytes.fromhex(match[4][: 2 * n_data].decode()), remote=False)
    elif match := _REMOTE.fullmatch(line):
        # The length that is asked for; the data are none.
        return _frame(match, bytes(int(match[3])), remote=True)
    raise ProtocolError(f"{line!r} is no slcan frame")


def decode_status(line: bytes) -> Status:
    """Return the flags of an answer to F; raises ProtocolError where it is none."""
    if re.fullmatch(rb"F[0-9A-Fa-f]{2}", line):
        return Status(int(line[1:], 16) & ~0x10)
    raise ProtocolError(f"{line!r} is no slcan status")


def is_bus_off(line: bytes) -> bool:
    """Return whether the line says that the controller left the bus: `sb`, and its two error counts."""
    return re.fullmatch(rb"sb\d{6}", line) is not None


def n_errors(line: bytes) -> int:
    """Return how many errors a line tells of: `e2bc` is two, a wrong bit and a wrong checksum; 0 where it is no such line."""
    match = re.fullmatch(rb"e(\d)([aBbcfoOs]+)", line)
    return int(match[1]) if match and int(match[1]) == len(match[2]) else 0


class LineParser:
    """Cuts what arrives into lines; a line without end, however long, costs no memory and only the line it runs into."""

    def __init__(self) -> None:
        self._begun = b""
        self._is_lost = False  # in the middle of what is too long

    @property
    def n_missing(self) -> int:
        """Return how many bytes come at least before the next line is complete."""
        begun = self._begun
        header = {b"t": 5, b"T": 10, b"r": 5, b"R": 10}.get(begun[:1], 0)
        if not header or self._is_lost:
            return 1
        if len(begun) < header:
            return header + 1 - len(begun)
        n_digits = (
            2 * int(begun[header - 1 : header]) if begun[header - 1 : header].isdigit() and begun[:1] in b"tT" else 0
        )
        return max(1, header + n_digits + 1 - len(begun))

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that are complete now, without their end; a bell is a line of its own, and cuts one off."""
        *ended, self._begun = re.split(rb"(?<=[\r\a])", self._begun + data)
        lines: list[bytes] = []
        for line in ended:
            if line.endswith(BELL):
                lines.append(BELL)
            elif not self._is_lost and len(line) <= LINE_MAX:
                lines.append(line[:-1])
            self._is_lost = False
        if len(self._begun) >= LINE_MAX:
            self._begun, self._is_lost = b"", True
        return lines

    def reset(self) -> None:
        """Forget the line that has begun."""
        self._begun, self._is_lost = b"", False


def _frame(match: re.Match[bytes], data: bytes, *, remote: bool) -> CanFrame:
    extended = match[2] is not None
    return CanFrame(int(match[2] if extended else match[1], 16), data, extended=extended, remote=remote)
