"""The packet that several servos make together: the e-manual's example, and what is left of it when something is missing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.dynamixel.fast_read import build_fast_status, fast_status_bytes, parse_fast_status
from drivers.dynamixel.protocol import STATUS_CODE, Packet

# ROBOTIS e-manual, "Fast Sync Read", three servos, four bytes each.
PUBLISHED = bytes.fromhex(
    "FF FF FD 00 FE 19 00 55 00 03 A6 00 00 00 84 08 00 07 1F 08 00 00 16 CA 00 04 FF 03 00 00 D1 9E"
)
ANSWERS = {3: (0, bytes.fromhex("A6000000")), 7: (0, bytes.fromhex("1F080000")), 4: (0, bytes.fromhex("FF030000"))}
COUNTS = {3: 4, 7: 4, 4: 4}
BLOCKS = [Packet(servo_id, STATUS_CODE, data, error) for servo_id, (error, data) in ANSWERS.items()]
BLOCK_ENDS = (16, 24, 32)

octets = st.sampled_from([0xFF, 0xFD, 0x00, 0x55, 0x80, 0x01])
answers = st.dictionaries(
    st.integers(0, 252), st.tuples(octets, st.lists(octets, max_size=30).map(bytes)), min_size=1, max_size=7
)


def test_the_published_answer() -> None:
    assert build_fast_status(ANSWERS) == PUBLISHED
    assert parse_fast_status(PUBLISHED, COUNTS) == BLOCKS
    assert fast_status_bytes([4, 4, 4]) == len(PUBLISHED)


def test_the_vendors_sdk_reads_what_we_build() -> None:
    sdk: Any = pytest.importorskip("dynamixel_sdk")
    data = {1: (0, bytes.fromhex("FFFFFD00")), 2: (0, bytes.fromhex("FDFFFFFD"))}
    packet = build_fast_status(data)

    class Port:
        is_using = False
        left = packet

        def readPort(self, n_bytes: int) -> bytes:  # noqa: N802
            taken, self.left = self.left[:n_bytes], self.left[n_bytes:]
            return taken

        def isPacketTimeout(self) -> bool:  # noqa: N802
            return not self.left

    read = sdk.PacketHandler(2.0).fastBulkReadRx(Port(), [1, 0, 0, 4, 0, 2, 0, 0, 4, 0])
    assert read == ({1: list(data[1][1]), 2: list(data[2][1])}, sdk.COMM_SUCCESS)


@given(answers, st.binary(max_size=20), st.binary(max_size=20))
def test_it_is_found_between_other_bytes(sent: dict[int, tuple[int, bytes]], before: bytes, after: bytes) -> None:
    counts = {servo_id: len(data) for servo_id, (_, data) in sent.items()}
    blocks = [Packet(servo_id, STATUS_CODE, data, error) for servo_id, (error, data) in sent.items()]
    assert parse_fast_status(before + build_fast_status(sent) + after, counts) == blocks


@pytest.mark.parametrize("n_bytes", range(len(PUBLISHED) + 1))
def test_a_torn_answer_gives_what_came_whole(n_bytes: int) -> None:
    whole = sum(end <= n_bytes for end in BLOCK_ENDS)
    assert parse_fast_status(PUBLISHED[:n_bytes], COUNTS) == BLOCKS[:whole]


@pytest.mark.parametrize("i_byte", range(len(PUBLISHED)))
def test_a_wrong_byte_spoils_its_block_and_those_behind(i_byte: int) -> None:
    spoilt = bytearray(PUBLISHED)
    spoilt[i_byte] ^= 0x10
    whole = 0 if i_byte < 8 else sum(end <= i_byte for end in BLOCK_ENDS)
    assert parse_fast_status(bytes(spoilt), COUNTS) == BLOCKS[:whole]


@pytest.mark.parametrize(
    "counts", [{3: 5, 7: 4, 4: 4}, {3: 4, 7: 4}, {7: 4, 3: 4, 4: 4}, {3: 5, 7: 5, 4: 5}, {3: 8, 7: 0, 4: 4}]
)
def test_the_answer_to_another_question_is_none(counts: dict[int, int]) -> None:
    assert parse_fast_status(PUBLISHED, counts) == []
