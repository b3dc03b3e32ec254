"""How long classic CAN frames keep the wire busy, to the bit, and whether a cycle of them fits into its period. Pure.

Sources: ISO 11898-1 (frame format, bit stuffing, CRC-15); Nolte, Hansson, Norstrom and Punnekkat, "Using bit-stuffing
distributions in CAN analysis" (the 34 and 54 bits that are open to stuffing beside the data, one stuff bit per four of them).
"""

from __future__ import annotations

from collections.abc import Mapping

from drivers.bus_budget import BusBudget
from drivers.can.port import CanFrame
from interfaces.arm_config import ArmConfig

CRC15_POLYNOMIAL = 0x4599
# Not open to stuffing: delimiter of the CRC, acknowledgement and its delimiter, end of frame, space between frames.
FIXED_BITS = 1 + 2 + 7 + 3
# Start, identifier, control field and CRC, which are.
STUFFABLE_BITS, STUFFABLE_BITS_EXTENDED = 34, 54


def frame_bits(frame: CanFrame) -> int:
    """Return how many bit times the frame takes on the wire: its own stuff bits and the space after it included."""
    header, n_bits = _header(frame)
    n_data = 0 if frame.remote else len(frame.data)
    value = header << 8 * n_data | int.from_bytes(frame.data[:n_data], "big")
    n_bits += 8 * n_data
    value, n_bits = value << 15 | crc15(value, n_bits), n_bits + 15
    return n_bits + stuff_bits(value, n_bits) + FIXED_BITS


def frame_bits_max(n_data: int, *, extended: bool = False) -> int:
    """Return how many bit times a frame of `n_data` bytes takes at most: 135 for 8 bytes and an 11 bit identifier."""
    n_stuffable = (STUFFABLE_BITS_EXTENDED if extended else STUFFABLE_BITS) + 8 * n_data
    return n_stuffable + (n_stuffable - 1) // 4 + FIXED_BITS


def frame_bits_min(n_data: int, *, extended: bool = False) -> int:
    """Return how many bit times a frame of `n_data` bytes takes without a stuff bit: 111 for 8 bytes and an 11 bit identifier."""
    return (STUFFABLE_BITS_EXTENDED if extended else STUFFABLE_BITS) + 8 * n_data + FIXED_BITS


def crc15(value: int, n_bits: int) -> int:
    """Return the checksum of the `n_bits` lowest bits of `value`, highest first."""
    crc = 0
    for shift in range(n_bits - 1, -1, -1):
        out = (crc >> 14) ^ (value >> shift & 1)
        crc = (crc << 1 & 0x7FFF) ^ (CRC15_POLYNOMIAL if out else 0)
    return crc


def stuff_bits(value: int, n_bits: int) -> int:
    """Return how many bits stuffing adds: after five alike one of the other kind, which begins the next run."""
    n_stuffed, last, run = 0, -1, 0
    for shift in range(n_bits - 1, -1, -1):
        bit = value >> shift & 1
        run = run + 1 if bit == last else 1
        last = bit
        if run == 5:
            n_stuffed += 1
            last, run = 1 - bit, 1
    return n_stuffed


def can_budget(n_frames: Mapping[int, int], config: ArmConfig, *, extended: bool = False) -> BusBudget:
    """Return the wire time of one cycle, every frame with as many stuff bits as there can be.

    `n_frames` says how many frames of how many data bytes: {8: 14} is seven motors told and answering.
    """
    n_bits = sum(count * frame_bits_max(n_data, extended=extended) for n_data, count in n_frames.items())
    parts = ", ".join(f"{count} of {n_data} bytes" for n_data, count in n_frames.items() if count)
    return BusBudget(
        busy_ns=round(n_bits * 1e9 / config.baud_hz),
        period_ns=config.period_ns,
        made_of=f"frames: {parts}; {n_bits} bits at most at {config.baud_hz * 1e-6:g} Mbit/s",
    )


def _header(frame: CanFrame) -> tuple[int, int]:
    """Return start of frame, identifier and control field as a number, and how many bits that is."""
    length = len(frame.data)  # a remote frame carries the length it asks for
    if not frame.extended:
        return (frame.can_id << 7) | (frame.remote << 6) | length, 19
    # Recessive in the place of RTR, and IDE, lie between the two parts of the identifier.
    identifier = (frame.can_id >> 18) << 20 | 0b11 << 18 | (frame.can_id & 0x3FFFF)
    return (identifier << 7) | (frame.remote << 6) | length, 39
