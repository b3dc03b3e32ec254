"""Packets out of a stream: however it is cut, whatever comes between them, and what the vendor's SDK makes of the same bytes."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drivers.dynamixel import protocol
from drivers.dynamixel.parser import PacketParser
from drivers.dynamixel.protocol import STATUS_CODE, Packet, build_status

COUNT = 8
stuffable = st.lists(st.sampled_from([0xFF, 0xFD, 0x00, 0x55]), max_size=30).map(bytes)
eight = st.lists(st.sampled_from([0xFF, 0xFD, 0x00, 0x55, 0x81]), min_size=COUNT, max_size=COUNT).map(bytes)
packets = st.builds(
    Packet,
    servo_id=st.integers(0, 252),
    instruction=st.just(STATUS_CODE),
    parameters=stuffable,
    error=st.integers(0, 255),
)


def encode(packet: Packet) -> bytes:
    return build_status(packet.servo_id, packet.error, packet.parameters)


@given(st.lists(packets, max_size=5), st.data())
def test_packets_come_out_however_the_stream_is_cut(sent: list[Packet], data: st.DataObject) -> None:
    stream = b"".join(map(encode, sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    parser = PacketParser()
    received = [
        packet
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for packet in parser.feed(stream[start:end])
    ]
    assert received == sent
    assert parser.n_skipped == 0


@given(st.binary(max_size=300))
def test_garbage_never_raises_and_everything_accepted_stands_in_it(garbage: bytes) -> None:
    for packet in PacketParser().feed(garbage):
        assert garbage.find(protocol.HEADER + bytes((packet.servo_id,))) >= 0


@given(stuffable, eight)
@example(b"\xff\xff\xfd\x00\x01\x0c\x00\x55", bytes(COUNT))
@example(b"\xff\xff\xfd", bytes(COUNT))
def test_the_packet_after_garbage_is_found(garbage: bytes, parameters: bytes) -> None:
    parser = PacketParser(COUNT)
    first, second = (Packet(servo_id, STATUS_CODE, parameters) for servo_id in (3, 4))
    found = parser.feed(garbage) + parser.feed(encode(first)) + parser.feed(encode(second))
    # A header that garbage and packet make up together may swallow the first, never the one after it.
    assert second in found


@given(eight, st.integers(0, 18), st.integers(1, 255))
def test_any_single_wrong_byte_is_noticed(parameters: bytes, i_byte: int, flip: int) -> None:
    frame = bytearray(build_status(5, 0, parameters))
    frame[i_byte % len(frame)] ^= flip
    assert PacketParser(COUNT).feed(bytes(frame)) == []


@pytest.mark.parametrize("count", [0, 7, 9, 12])
def test_an_answer_of_another_length_is_none(count: int) -> None:
    parser = PacketParser(COUNT)
    assert parser.feed(build_status(1, 0, bytes(count))) == []
    assert parser.feed(build_status(1, 0, bytes(COUNT))) == [Packet(1, STATUS_CODE, bytes(COUNT))]


def test_stuffed_parameters_of_another_number_are_none() -> None:
    # Nine bytes with one more for stuffing are as long as eight with two; what they carry decides.
    assert PacketParser(8).feed(build_status(1, 0, bytes.fromhex("FFFFFD000000000000"))) == []
    whole = bytes.fromhex("FFFFFDFFFFFD0000")
    assert PacketParser(8).feed(build_status(1, 0, whole)) == [Packet(1, STATUS_CODE, whole)]


def test_a_request_is_no_answer() -> None:
    assert PacketParser(3).feed(protocol.write(1, 0, bytes(2))) == []


def test_a_refusal_counts_only_where_it_is_waited_for() -> None:
    refusal = build_status(1, 7)
    assert PacketParser(4).feed(refusal) == []
    assert PacketParser(4, refusals=True).feed(refusal) == [Packet(1, STATUS_CODE, b"", error=7)]
    assert PacketParser(4, refusals=True).feed(build_status(1, 0x80)) == []  # an alert is no refusal


def test_how_much_is_missing_is_known() -> None:
    parser = PacketParser(COUNT)
    frame = build_status(1, 0, bytes(COUNT))
    assert parser.feed(frame[:10]) == []
    assert parser.n_missing == len(frame) - 10
    assert len(parser.feed(frame[10:])) == 1
    assert parser.n_missing == 0
    parser.feed(frame[:12])
    parser.reset()
    assert parser.feed(frame[12:]) == []


def test_whose_packet_was_damaged_is_known() -> None:
    parser = PacketParser()
    frame = protocol.ping(9)
    parser.feed(frame[:-1] + bytes((frame[-1] ^ 1,)))
    assert parser.damaged_ids == [9]


def unstuffed_by_the_sdk(parameters: bytes) -> bytes:
    """What the vendor's SDK finds in a packet that we stuffed."""
    sdk: Any = pytest.importorskip("dynamixel_sdk")
    packet = list(build_status(1, 0, parameters))
    return bytes(sdk.PacketHandler(2.0).removeStuffing(packet)[9:])[: len(parameters)]


@given(stuffable)
@example(b"\xff\xff\xfd\x00")
@example(b"\x00\xff\xff\xff\xfd\xfd")
def test_the_sdk_reads_what_we_stuff(parameters: bytes) -> None:
    _, _, rest = parameters.partition(b"\xff\xff\xfd")
    if b"\xff" not in rest:
        assert unstuffed_by_the_sdk(parameters) == parameters


def test_the_sdk_takes_out_too_much_behind_the_first_stuffed_byte() -> None:
    """The reason why it is no referee for what is close together; if this fails, it has become one."""
    parameters = bytes.fromhex("FFFFFD FFFDFD")
    assert unstuffed_by_the_sdk(parameters) != parameters
    assert PacketParser(6).feed(build_status(1, 0, parameters)) == [Packet(1, STATUS_CODE, parameters)]
