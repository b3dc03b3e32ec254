"""Finding packets of Dynamixel Protocol 2.0 in a stream of bytes, and the way back after garbage. Pure."""

from __future__ import annotations

from drivers.dynamixel.protocol import (
    ALERT,
    BROADCAST_ID,
    HEADER,
    PARAMETERS_MAX,
    PREFIX_BYTES,
    SERVO_ID_MAX,
    STATUS_BYTES,
    STATUS_CODE,
    Packet,
    crc16,
    unstuff,
)

CRC_BYTES = 2
_BARE_LENGTH = STATUS_BYTES - PREFIX_BYTES  # what a status packet without parameters says of its length


class PacketParser:
    """Finds packets; with `parameter_count`, only status packets that carry so many parameters.

    Whoever knows what must come is not held up by a length that lies, and is not given the answer to another question.
    With `refusals`, a servo's word that it will not, an error without parameters, counts as well.
    """

    def __init__(self, parameter_count: int | None = None, *, refusals: bool = False) -> None:
        self._buffer = bytearray()
        self._parameter_count = parameter_count
        self._refusals = refusals
        self.n_skipped = 0  # bytes that belonged to no packet
        self.n_missing = 0  # bytes that a packet which has begun still wants
        self.damaged_ids: list[int] = []  # whose packets came with a wrong crc
        # Stuffing makes a packet longer by at most one byte in three: error byte and parameters.
        if parameter_count is None:
            self._lengths = frozenset(range(1 + CRC_BYTES, 1 + CRC_BYTES + PARAMETERS_MAX * 4 // 3 + 1))
        else:
            shortest = _BARE_LENGTH + parameter_count
            longest = shortest + (parameter_count + 1) // 3
            self._lengths = frozenset((*range(shortest, longest + 1), *([_BARE_LENGTH] if refusals else [])))

    def feed(self, data: bytes) -> list[Packet]:
        """Return the packets completed by `data`; never raises."""
        buffer = self._buffer
        buffer += data
        packets: list[Packet] = []
        start = 0
        self.n_missing = 0
        while True:
            header = buffer.find(HEADER, start)
            if header < 0:
                kept = _header_begun(buffer, start)
                self.n_skipped += len(buffer) - kept - start
                start = len(buffer) - kept
                break
            self.n_skipped += header - start
            start = header
            if len(buffer) < start + PREFIX_BYTES:
                self.n_missing = start + PREFIX_BYTES - len(buffer)
                break
            end = start + PREFIX_BYTES + int.from_bytes(buffer[start + 5 : start + 7], "little")
            if not self._plausible(buffer, start, end - start - PREFIX_BYTES):
                self.n_skipped += 1
                start += 1
                continue
            if end > len(buffer):
                self.n_missing = end - len(buffer)
                break
            packet = self._take(bytes(buffer[start:end]))
            if packet is None:
                self.n_skipped += 1
                start += 1
            else:
                packets.append(packet)
                start = end
        del buffer[:start]
        return packets

    def reset(self) -> None:
        """Forget a packet that was begun."""
        self.n_skipped += len(self._buffer)
        self.n_missing = 0
        self._buffer.clear()

    def _plausible(self, buffer: bytearray, start: int, length: int) -> bool:
        servo_id = buffer[start + 4]
        if (servo_id > SERVO_ID_MAX and servo_id != BROADCAST_ID) or length not in self._lengths:
            return False
        is_status = len(buffer) <= start + PREFIX_BYTES or buffer[start + PREFIX_BYTES] == STATUS_CODE
        return self._parameter_count is None or is_status

    def _take(self, packet: bytes) -> Packet | None:
        """Return what stands in the bytes of one packet, None when they are damaged or not what is expected."""
        if crc16(packet[:-CRC_BYTES]) != int.from_bytes(packet[-CRC_BYTES:], "little"):
            self.damaged_ids.append(packet[4])
            return None
        body = unstuff(packet[PREFIX_BYTES:-CRC_BYTES])
        servo_id, instruction = packet[4], body[0]
        if instruction != STATUS_CODE:
            return Packet(servo_id, instruction, body[1:])
        if len(body) < 2 or not self._expected(body):
            return None
        return Packet(servo_id, instruction, body[2:], error=body[1])

    def _expected(self, body: bytes) -> bool:
        if self._parameter_count in {None, len(body) - 2}:
            return True
        return self._refusals and len(body) == 2 and body[1] & ~ALERT != 0


def _header_begun(buffer: bytearray, start: int) -> int:
    """Return how many bytes at the end of the buffer may be the beginning of a header."""
    for n_bytes in (3, 2, 1):
        if len(buffer) - start >= n_bytes and buffer.endswith(HEADER[:n_bytes]):
            return n_bytes
    return 0
