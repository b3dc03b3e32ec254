"""The emulated bus, byte for byte: who answers, when, and what when something is wrong."""

import pytest

from drivers.dynamixel import protocol, registers
from drivers.dynamixel.fast_read import parse_fast_status
from drivers.dynamixel.parser import PacketParser
from drivers.dynamixel.protocol import ALERT, BROADCAST_ID, Packet, StatusError
from drivers.dynamixel.registers import HardwareError
from sim.dynamixel.bus import DynamixelServoBus
from sim.dynamixel.emulator import EmulatedDynamixel
from sim.feetech.bus_process import RigidActuators
from sim.serial.bus import Reply

US = 1_000
BYTE_NS = 10 * US  # at 1 Mbit/s


@pytest.fixture
def bus() -> DynamixelServoBus:
    motors = RigidActuators(3)
    servos = [EmulatedDynamixel(1 + i, i, motors, model) for i, model in enumerate((1060, 1200, 1200))]
    for servo in servos:
        servo.save(registers.BAUD_CODE, 3)
    return DynamixelServoBus(servos, 1_000_000)


def ask(bus: DynamixelServoBus, request: bytes, t_ns: int = 10**9) -> list[Packet]:
    return PacketParser().feed(b"".join(reply.data for reply in bus.handle(request, t_ns)))


def test_an_answer_takes_question_delay_and_its_own_bytes(bus: DynamixelServoBus) -> None:
    question = protocol.read(2, 132, 4)
    (reply,) = bus.handle(question, 0)
    assert reply.t_done_ns == (len(question) + 15) * BYTE_NS + 500 * US
    bus.servos[1].save(registers.RETURN_DELAY, 0)
    (reply,) = bus.handle(question, 10**9)
    assert reply.t_done_ns - 10**9 == (len(question) + 15) * BYTE_NS + 10 * US


def test_a_fast_read_waits_once(bus: DynamixelServoBus) -> None:
    question = protocol.sync_read(132, 4, (1, 2, 3), fast=True)
    replies = bus.handle(question, 0)
    assert replies[-1].t_done_ns == (len(question) + 8 + 3 * 8) * BYTE_NS + 500 * US
    whole = b"".join(reply.data for reply in replies)
    assert [packet.servo_id for packet in parse_fast_status(whole, {1: 4, 2: 4, 3: 4})] == [1, 2, 3]


def test_a_fast_answer_ends_with_the_first_that_is_missing(bus: DynamixelServoBus) -> None:
    bus.servos[1].knows_fast_reads = False
    whole = b"".join(reply.data for reply in bus.handle(protocol.sync_read(132, 4, (1, 2, 3), fast=True), 0))
    assert [packet.servo_id for packet in parse_fast_status(whole, {1: 4, 2: 4, 3: 4})] == [1]
    assert [packet.servo_id for packet in ask(bus, protocol.sync_read(132, 4, (1, 2, 3)))] == [1, 2, 3]


def test_bulk_reads_and_writes_go_to_each_its_own(bus: DynamixelServoBus) -> None:
    assert ask(bus, protocol.bulk_write({1: (65, b"\x01"), 3: (116, registers.GOAL_POSITION.encode(1000))})) == []
    spans = {3: (116, 4), 1: (65, 1)}
    assert [packet.parameters for packet in ask(bus, protocol.bulk_read(spans))] == [b"\xe8\x03\0\0", b"\x01"]
    whole = b"".join(reply.data for reply in bus.handle(protocol.bulk_read(spans, fast=True), 2 * 10**9))
    assert [packet.parameters for packet in parse_fast_status(whole, {3: 4, 1: 1})] == [b"\xe8\x03\0\0", b"\x01"]


def test_everybody_answers_a_broadcast_ping_in_its_slot(bus: DynamixelServoBus) -> None:
    replies = bus.handle(protocol.ping(BROADCAST_ID), 0)
    assert [reply.t_done_ns // 1_000_000 for reply in replies] == [3, 6, 9]
    assert [packet.parameters for packet in PacketParser().feed(b"".join(r.data for r in replies))] == [
        bytes.fromhex("240432"),
        bytes.fromhex("B00432"),
        bytes.fromhex("B00432"),
    ]


def test_a_damaged_packet_is_answered_with_a_crc_error_and_a_damaged_broadcast_with_silence(
    bus: DynamixelServoBus,
) -> None:
    def spoil(packet: bytes) -> bytes:
        return packet[:-1] + bytes((packet[-1] ^ 1,))

    assert [packet.error for packet in ask(bus, spoil(protocol.ping(2)))] == [StatusError.CRC]
    assert ask(bus, spoil(protocol.ping(BROADCAST_ID)), 2 * 10**9) == []
    bus.servos[1].save(registers.STATUS_LEVEL, 1)
    assert ask(bus, spoil(protocol.ping(2)), 3 * 10**9) == []


@pytest.mark.parametrize(("level", "answered"), [(0, 1), (1, 2), (2, 3)])
def test_the_status_level_says_what_is_answered(bus: DynamixelServoBus, level: int, answered: int) -> None:
    bus.servos[0].save(registers.STATUS_LEVEL, level)
    requests = [protocol.ping(1), protocol.read(1, 0, 2), protocol.write(1, 65, b"\x01")]
    assert [len(ask(bus, request)) for request in requests] == [1] * answered + [0] * (3 - answered)
    assert bus.servos[0].get(registers.LED) == 1  # done, answered or not


def test_what_is_not_known_is_an_error(bus: DynamixelServoBus) -> None:
    assert [packet.error for packet in ask(bus, protocol.build_packet(1, 0x77))] == [StatusError.INSTRUCTION]
    assert [packet.error for packet in ask(bus, protocol.action(1))] == [StatusError.INSTRUCTION]


def test_an_alert_is_in_every_answer(bus: DynamixelServoBus) -> None:
    bus.servos[0].fail(HardwareError.OVERLOAD)
    assert [packet.error for packet in ask(bus, protocol.read(1, 70, 1))] == [ALERT]
    assert [packet.error for packet in ask(bus, protocol.write(1, 64, b"\x01"))] == [ALERT | StatusError.RESULT]
    assert [packet.error for packet in ask(bus, protocol.sync_read(70, 1, (1, 2)))] == [ALERT, 0]
    assert [packet.error for packet in ask(bus, protocol.reboot(1))] == [0]


def test_at_another_rate_nobody_hears(bus: DynamixelServoBus) -> None:
    bus.baud_hz = 57_600
    assert ask(bus, protocol.ping(1)) == []


def test_a_request_that_is_not_continued_is_forgotten(bus: DynamixelServoBus) -> None:
    question = protocol.ping(1)
    assert bus.handle(question[:6], 0) == []
    assert bus.handle(question[6:], 10**9) == []
    assert bus.handle(question[:6], 2 * 10**9) == []
    assert len(bus.handle(question[6:], 2 * 10**9 + 10**6)) == 1


def test_faults_hit_the_answers(bus: DynamixelServoBus) -> None:
    bus.faults.n_drop, bus.faults.echo = 1, True
    question = protocol.ping(1)
    assert bus.handle(question, 0) == [Reply(len(question) * BYTE_NS, question)]
    bus.faults.echo, bus.faults.silent_ids = False, {2}
    assert [packet.servo_id for packet in ask(bus, protocol.sync_read(132, 4, (1, 2, 3)))] == [1, 3]
    bus.faults.n_corrupt = 1
    assert ask(bus, question, 2 * 10**9) == []
