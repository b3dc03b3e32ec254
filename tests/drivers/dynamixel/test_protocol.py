"""The wire format against the vendor's published packets, against what the vendor's SDK emits, and against its own rules.

Published: ROBOTIS e-manual, "DYNAMIXEL Protocol 2.0", the examples of each instruction.
"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drivers.dynamixel import protocol
from drivers.dynamixel.protocol import Instruction, ResetScope, build_packet, build_status, crc16, stuff, unstuff
from interfaces.errors import ProtocolError

PUBLISHED_REQUESTS = [
    (protocol.ping(1), "FF FF FD 00 01 03 00 01 19 4E"),
    (protocol.ping(protocol.BROADCAST_ID), "FF FF FD 00 FE 03 00 01 31 42"),
    (protocol.read(1, 132, 4), "FF FF FD 00 01 07 00 02 84 00 04 00 1D 15"),
    (protocol.write(1, 116, bytes.fromhex("00020000")), "FF FF FD 00 01 09 00 03 74 00 00 02 00 00 CA 89"),
    (protocol.reg_write(1, 104, bytes.fromhex("C8000000")), "FF FF FD 00 01 09 00 04 68 00 C8 00 00 00 AE 8E"),
    (protocol.action(1), "FF FF FD 00 01 03 00 05 02 CE"),
    (protocol.factory_reset(1, ResetScope.ALL_BUT_ID), "FF FF FD 00 01 04 00 06 01 A1 E6"),
    (protocol.reboot(1), "FF FF FD 00 01 03 00 08 2F 4E"),
    (protocol.clear_turns(1), "FF FF FD 00 01 08 00 10 01 44 58 4C 22 B1 DC"),
    (protocol.sync_read(132, 4, (1, 2)), "FF FF FD 00 FE 09 00 82 84 00 04 00 01 02 CE FA"),
    (protocol.sync_read(132, 4, (1, 2), fast=True), "FF FF FD 00 FE 09 00 8A 84 00 04 00 01 02 4D 72"),
    (
        protocol.sync_write(116, {1: bytes.fromhex("96000000"), 2: bytes.fromhex("AA000000")}),
        "FF FF FD 00 FE 11 00 83 74 00 04 00 01 96 00 00 00 02 AA 00 00 00 82 87",
    ),
    (protocol.bulk_read({1: (144, 2), 2: (146, 1)}), "FF FF FD 00 FE 0D 00 92 01 90 00 02 00 02 92 00 01 00 1A 05"),
    (
        protocol.bulk_write({1: (32, b"\xa0\x00"), 2: (31, b"\x50")}),
        "FF FF FD 00 FE 10 00 93 01 20 00 02 00 A0 00 02 1F 00 01 00 50 B7 68",
    ),
]
PUBLISHED_ANSWERS = [
    (build_status(1, 0, bytes.fromhex("060426")), "FF FF FD 00 01 07 00 55 00 06 04 26 65 5D"),
    (build_status(2, 0, bytes.fromhex("060426")), "FF FF FD 00 02 07 00 55 00 06 04 26 6F 6D"),
    (build_status(1, 0, bytes.fromhex("A6000000")), "FF FF FD 00 01 08 00 55 00 A6 00 00 00 8C C0"),
    (build_status(2, 0, bytes.fromhex("1F080000")), "FF FF FD 00 02 08 00 55 00 1F 08 00 00 BA BE"),
    (build_status(1, 0), "FF FF FD 00 01 04 00 55 00 A1 0C"),
    (build_status(1, 0, bytes.fromhex("7700")), "FF FF FD 00 01 06 00 55 00 77 00 C3 69"),
    (build_status(2, 0, b"\x24"), "FF FF FD 00 02 05 00 55 00 24 8B A9"),
]
# Stuffing matters only where these three meet; bytes at random hardly ever make them.
stuffable = st.lists(st.sampled_from([0xFF, 0xFD, 0x00, 0x55]), max_size=30).map(bytes)


@pytest.mark.parametrize(("frame", "published"), PUBLISHED_REQUESTS + PUBLISHED_ANSWERS)
def test_packets_are_those_the_vendor_published(frame: bytes, published: str) -> None:
    assert frame.hex(" ").upper() == published


class SdkPort:
    """What the vendor's SDK writes to."""

    is_using = False

    def __init__(self) -> None:
        self.sent = b""

    def clearPort(self) -> None:  # noqa: N802
        """The SDK flushes before it writes."""

    def setPacketTimeout(self, _n_bytes: int) -> None:  # noqa: N802
        """The SDK tells how many bytes it awaits."""

    def writePort(self, packet: list[int]) -> int:  # noqa: N802
        self.sent += bytes(packet)
        return len(packet)

    def readPort(self, _n_bytes: int) -> list[int]:  # noqa: N802
        return []

    def isPacketTimeout(self) -> bool:  # noqa: N802
        return True


def sent_by_the_sdk(send: Callable[[Any, Any], object]) -> bytes:
    """What the vendor's SDK writes to its port for one call."""
    sdk: Any = pytest.importorskip("dynamixel_sdk")
    port = SdkPort()
    send(sdk.PacketHandler(2.0), port)
    return port.sent


GOAL = bytes.fromhex("00080000")
PLAIN, FAST = False, True  # how the SDK is told


def test_frames_equal_those_of_the_vendors_sdk() -> None:
    goals = {servo_id: bytes((servo_id, 8, 0, 0)) for servo_id in range(1, 7)}
    flat = [octet for servo_id, data in goals.items() for octet in (servo_id, *data)]
    ids = list(range(1, 7))
    spans = [octet for servo_id in ids for octet in (servo_id, 126, 0, 21, 0)]
    writes = [octet for servo_id, data in goals.items() for octet in (servo_id, 116, 0, 4, 0, *data)]
    pairs: list[tuple[bytes, Callable[[Any, Any], object]]] = [
        (protocol.read(7, 126, 21), lambda sdk, port: sdk.readTx(port, 7, 126, 21)),
        (protocol.write(3, 64, b"\x01"), lambda sdk, port: sdk.writeTxOnly(port, 3, 64, 1, [1])),
        (protocol.reg_write(3, 116, GOAL), lambda sdk, port: sdk.regWriteTxOnly(port, 3, 116, 4, list(GOAL))),
        (protocol.action(), lambda sdk, port: sdk.action(port, 0xFE)),
        (protocol.reboot(4), lambda sdk, port: sdk.reboot(port, 4)),
        (protocol.clear_turns(4), lambda sdk, port: sdk.clearMultiTurn(port, 4)),
        (protocol.factory_reset(4, ResetScope.ALL_BUT_ID), lambda sdk, port: sdk.factoryReset(port, 4, 1)),
        (protocol.sync_read(126, 21, ids), lambda sdk, port: sdk.syncReadTx(port, 126, 21, ids, 6, PLAIN)),
        (protocol.sync_read(126, 21, ids, fast=True), lambda sdk, port: sdk.syncReadTx(port, 126, 21, ids, 6, FAST)),
        (protocol.sync_write(116, goals), lambda sdk, port: sdk.syncWriteTxOnly(port, 116, 4, flat, len(flat))),
        (
            protocol.bulk_read(dict.fromkeys(ids, (126, 21))),
            lambda sdk, port: sdk.bulkReadTx(port, spans, len(spans), PLAIN),
        ),
        (
            protocol.bulk_read(dict.fromkeys(ids, (126, 21)), fast=True),
            lambda sdk, port: sdk.bulkReadTx(port, spans, len(spans), FAST),
        ),
        (
            protocol.bulk_write({servo_id: (116, data) for servo_id, data in goals.items()}),
            lambda sdk, port: sdk.bulkWriteTxOnly(port, writes, len(writes)),
        ),
    ]
    for ours, theirs in pairs:
        assert ours == sent_by_the_sdk(theirs)


@given(st.binary(max_size=60), st.integers(0, 60))
def test_the_crc_is_the_sdks_and_goes_on_where_it_ended(data: bytes, cut: int) -> None:
    sdk: Any = pytest.importorskip("dynamixel_sdk")
    assert crc16(data) == sdk.PacketHandler(2.0).updateCRC(0, list(data), len(data))
    assert crc16(data[cut:], crc16(data[:cut])) == crc16(data)


def test_the_vendors_sdk_does_not_stuff_what_it_sends() -> None:
    """The reason why it is no referee for stuffing; if this fails, it has become one."""
    data = bytes.fromhex("FFFFFD00")
    ours = protocol.write(3, 116, data)
    theirs = sent_by_the_sdk(lambda sdk, port: sdk.writeTxOnly(port, 3, 116, 4, list(data)))
    assert ours[7:-2].hex(" ") == "03 74 00 ff ff fd fd 00"
    assert theirs[7:-2].hex(" ") == "03 74 00 ff ff fd 00"


@given(stuffable)
@example(b"\xff\xff\xfd")
@example(b"\xff\xff\xfd\xfd")
@example(b"\xff\xff\xff\xfd")
@example(b"\xff\xff\xfd\xff\xff\xfd")
@example(b"\xff\xff\xfd\xfd\xff\xff\xfd\xfd")
def test_stuffing_hides_every_header_and_is_undone(data: bytes) -> None:
    stuffed = stuff(data)
    assert unstuff(stuffed) == data
    assert all(stuffed[i + 3 : i + 4] == b"\xfd" for i in range(len(stuffed)) if stuffed[i : i + 3] == b"\xff\xff\xfd")


@given(st.integers(0, 252), stuffable)
def test_length_and_crc_are_those_of_the_stuffed_bytes(servo_id: int, data: bytes) -> None:
    packet = build_packet(servo_id, Instruction.WRITE, data)
    assert len(packet) == 7 + int.from_bytes(packet[5:7], "little")
    assert crc16(packet[:-2]) == int.from_bytes(packet[-2:], "little")
    # A header is where the packet begins, and nowhere else; the crc is not part of the rule.
    assert packet[:-2].rfind(protocol.HEADER) == 0


def test_what_cannot_be_said_is_refused() -> None:
    with pytest.raises(ProtocolError, match="servo id 253"):
        protocol.ping(253)
    with pytest.raises(ProtocolError, match="1001 parameters"):
        build_packet(1, Instruction.WRITE, bytes(1001))
    with pytest.raises(ProtocolError, match=r"sync write of \[1, 2\] bytes"):
        protocol.sync_write(116, {1: b"a", 2: b"bc"})
    with pytest.raises(ProtocolError, match="no two servos may have the same id"):
        protocol.factory_reset(protocol.BROADCAST_ID, ResetScope.EVERYTHING)
    with pytest.raises(ProtocolError, match="each may be asked once"):
        protocol.sync_read(132, 4, (1, 2, 1))
    with pytest.raises(ProtocolError, match="70000 is no address"):
        protocol.read(1, 70_000, 4)


def test_errors_are_named() -> None:
    assert protocol.describe_error(0x06) == "error 6, value beyond a limit"
    assert (
        protocol.describe_error(0x87) == "error 7, address not accessible, or EEPROM locked by torque, hardware alert"
    )
    assert protocol.describe_error(0x80) == "hardware alert"
    assert protocol.describe_error(0x2A) == "error 42, unknown"
