"""The one packet that several servos answer a fast sync read or a fast bulk read with. Pure.

    FF FF FD 00 FE length(2) 55  | error id data crc(2) | error id data crc(2) | ...

The first servo sends the header and its block, each following one its own block. The crc at the end of a block is that of
everything before it, the header and the other blocks with their crcs included: a block is sound only where all before it
are, and the last crc is the packet's. Nothing in it is stuffed.

Source: ROBOTIS e-manual, "Fast Sync Read" and "Fast Bulk Read", whose examples the tests repeat. That nothing is stuffed the
e-manual does not say; the vendor's SDK (rxPacket with fast_option) and rustypot (pull request 122) both read it so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from drivers.dynamixel.protocol import BROADCAST_ID, HEADER, STATUS_CODE, Packet, crc16

LEAD_BYTES = 8  # header, id, length, status code
BLOCK_BYTES = 4  # of a block without data: error, id, crc


def fast_status_bytes(counts: Sequence[int]) -> int:
    """Return how long the answer of servos with so many bytes of data each is."""
    return LEAD_BYTES + sum(BLOCK_BYTES + count for count in counts)


def fast_status_lead(counts: Sequence[int]) -> bytes:
    """Return what stands before the first block."""
    length = fast_status_bytes(counts) - LEAD_BYTES + 1
    return HEADER + bytes((BROADCAST_ID,)) + length.to_bytes(2, "little") + bytes((STATUS_CODE,))


def fast_status_block(servo_id: int, error: int, data: bytes, crc_before: int) -> bytes:
    """Return the block of one servo; `crc_before` is the crc of all that is on the wire before it."""
    block = bytes((error, servo_id)) + data
    return block + crc16(block, crc_before).to_bytes(2, "little")


def build_fast_status(answers: Mapping[int, tuple[int, bytes]]) -> bytes:
    """Return the whole answer of servos, id to (error, data)."""
    packet = fast_status_lead([len(data) for _, data in answers.values()])
    for servo_id, (error, data) in answers.items():
        packet += fast_status_block(servo_id, error, data, crc16(packet))
    return packet


def parse_fast_status(received: bytes, counts: Mapping[int, int]) -> list[Packet]:
    """Return the blocks, in order, of the servos that were asked for so many bytes each, as far as they are sound.

    Looks for the answer anywhere in `received`, also behind garbage; an answer to another question, of other servos or
    another number of bytes, has another length or other ids, and is none.
    """
    lead = fast_status_lead(list(counts.values()))
    found: list[Packet] = []
    start = received.find(lead)
    while start >= 0:
        blocks = _sound_blocks(received, start + LEAD_BYTES, counts, crc16(lead))
        found = max(found, blocks, key=len)
        start = received.find(lead, start + 1)
    return found


def _sound_blocks(received: bytes, start: int, counts: Mapping[int, int], crc: int) -> list[Packet]:
    blocks: list[Packet] = []
    for servo_id, count in counts.items():
        end = start + BLOCK_BYTES + count
        if end > len(received) or received[start + 1] != servo_id:
            break
        crc = crc16(received[start : end - 2], crc)
        told = received[end - 2 : end]
        if crc != int.from_bytes(told, "little"):
            break
        blocks.append(Packet(servo_id, STATUS_CODE, received[start + 2 : end - 2], error=received[start]))
        crc = crc16(told, crc)
        start = end
    return blocks
