"""Frames against the vendor's published examples and SDK; the parser against garbage.

Vectors: Feetech, "Servo SCS Communication Protocol", examples of each instruction.
"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.feetech import protocol
from drivers.feetech.protocol import Instruction, Packet, PacketParser, build_packet, fault_names
from interfaces.errors import ProtocolError

GOAL = bytes.fromhex("0008 0000 E803")  # position 2048, time 0, speed 1000
PUBLISHED_REQUESTS = [
    (protocol.ping(1), "FF FF 01 02 01 FB"),
    (protocol.read(1, 0x38, 2), "FF FF 01 04 02 38 02 BE"),
    (protocol.write(protocol.BROADCAST_ID, 5, b"\x01"), "FF FF FE 04 03 05 01 F4"),
    (protocol.write(1, 0x2A, GOAL), "FF FF 01 09 03 2A 00 08 00 00 E8 03 D5"),
    (protocol.reg_write(1, 0x2A, GOAL), "FF FF 01 09 04 2A 00 08 00 00 E8 03 D4"),
    (protocol.action(), "FF FF FE 02 05 FA"),
    (
        protocol.sync_write(0x2A, dict.fromkeys((1, 2, 3, 4), GOAL)),
        "FF FF FE 20 83 2A 06 01 00 08 00 00 E8 03 02 00 08 00 00 E8 03 03 00 08 00 00 E8 03 04 00 08 00 00 E8 03 58",
    ),
    (protocol.sync_read(0x38, 8, (1, 2)), "FF FF FE 06 82 38 08 01 02 36"),
    (protocol.reset_turns(1), "FF FF 01 02 0A F2"),
    (protocol.recalibrate(1), "FF FF 01 02 0B F1"),
    (protocol.recalibrate(1, 1024), "FF FF 01 04 0B 00 04 EB"),
]
PUBLISHED_ANSWERS = [
    ("FF FF 01 02 00 FC", Packet(1, 0, b"")),
    ("FF FF 01 04 00 18 05 DD", Packet(1, 0, bytes.fromhex("18 05"))),
    ("FF FF 01 0A 00 00 08 00 00 00 00 79 1E 55", Packet(1, 0, bytes.fromhex("00 08 00 00 00 00 79 1E"))),
    ("FF FF 02 0A 00 FF 07 00 00 00 00 77 23 53", Packet(2, 0, bytes.fromhex("FF 07 00 00 00 00 77 23"))),
]

packets = st.builds(
    Packet, servo_id=st.integers(0, 253), code=st.integers(0, 0x3F), parameters=st.binary(min_size=0, max_size=20)
)


def encode(packet: Packet) -> bytes:
    return build_packet(packet.servo_id, packet.code, packet.parameters)


@pytest.mark.parametrize(("frame", "published"), PUBLISHED_REQUESTS)
def test_requests_are_those_the_vendor_published(frame: bytes, published: str) -> None:
    assert frame.hex(" ").upper() == published


@pytest.mark.parametrize(("published", "packet"), PUBLISHED_ANSWERS)
def test_answers_the_vendor_published_are_understood(published: str, packet: Packet) -> None:
    assert PacketParser().feed(bytes.fromhex(published)) == [packet]
    assert encode(packet) == bytes.fromhex(published)


def sent_by_the_sdk(send: Callable[[Any, Any], object]) -> bytes:
    """What the vendor's SDK writes to its port for one call."""
    sdk = pytest.importorskip("scservo_sdk")

    class Port:
        is_using = False
        sent = b""

        def clearPort(self) -> None:  # noqa: N802
            """The SDK flushes before it writes."""

        def setPacketTimeout(self, _n_bytes: int) -> None:  # noqa: N802
            """The SDK tells how many bytes it awaits."""

        def writePort(self, packet: list[int]) -> int:  # noqa: N802
            self.sent += bytes(packet)
            return len(packet)

    port = Port()
    send(sdk.PacketHandler(0), port)
    return port.sent


def test_frames_equal_those_of_the_vendors_sdk() -> None:
    goals = {servo_id: bytes((servo_id, 8)) for servo_id in range(1, 7)}
    flat = [octet for servo_id, data in goals.items() for octet in (servo_id, *data)]
    pairs: list[tuple[bytes, Callable[[Any, Any], object]]] = [
        (protocol.read(7, 56, 8), lambda sdk, port: sdk.readTx(port, 7, 56, 8)),
        (protocol.write(3, 40, b"\x01"), lambda sdk, port: sdk.writeTxOnly(port, 3, 40, 1, [1])),
        (protocol.reg_write(3, 42, GOAL), lambda sdk, port: sdk.regWriteTxOnly(port, 3, 42, 6, list(GOAL))),
        (protocol.action(), lambda sdk, port: sdk.action(port, 0xFE)),
        (protocol.sync_read(56, 8, range(1, 7)), lambda sdk, port: sdk.syncReadTx(port, 56, 8, [1, 2, 3, 4, 5, 6], 6)),
        (protocol.sync_write(42, goals), lambda sdk, port: sdk.syncWriteTxOnly(port, 42, 2, flat, len(flat))),
    ]
    for ours, theirs in pairs:
        assert ours == sent_by_the_sdk(theirs)


def test_what_cannot_be_said_is_refused() -> None:
    with pytest.raises(ProtocolError, match="servo id 255"):
        protocol.ping(255)
    with pytest.raises(ProtocolError, match="249 parameters"):
        build_packet(1, Instruction.WRITE, bytes(249))
    with pytest.raises(ProtocolError, match=r"sync write of \[1, 2\] bytes"):
        protocol.sync_write(42, {1: b"a", 2: b"bc"})


def test_faults_are_named() -> None:
    assert fault_names(0x24) == "overheat, overload"
    assert fault_names(0x41) == "voltage, unknown bits 0x40"


@given(st.lists(packets), st.data())
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
        assert encode(packet) in garbage


@given(st.binary(max_size=40), st.binary(min_size=8, max_size=8))
def test_the_packet_after_garbage_is_found(garbage: bytes, parameters: bytes) -> None:
    parser = PacketParser(8)
    first, second = Packet(3, 0, parameters), Packet(4, 0, parameters)
    found = parser.feed(garbage) + parser.feed(encode(first)) + parser.feed(encode(second))
    # A header that garbage and packet make up together may swallow the first, never the one after it.
    assert second in found


@given(st.binary(min_size=8, max_size=8), st.integers(0, 13), st.integers(1, 255))
def test_any_single_wrong_byte_is_noticed(parameters: bytes, i_byte: int, flip: int) -> None:
    frame = bytearray(build_packet(5, 0, parameters))
    frame[i_byte] ^= flip
    assert PacketParser(8).feed(bytes(frame)) == []
