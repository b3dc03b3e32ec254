"""The wire: who answers what, when the last bit is there, and who stays silent."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.feetech import protocol, registers
from drivers.feetech.protocol import BROADCAST_ID, Packet, PacketParser
from sim.feetech.bus import ServoBus
from sim.feetech.bus_process import rigid_servo_bus
from sim.feetech.goal_tape import GoalTape, load_goals

BYTE_NS = 10_000  # at 1 Mbit/s
FACTORY_DELAY_NS = 500_000
T0_NS = 10**9


@pytest.fixture
def bus() -> ServoBus:
    return rigid_servo_bus()


def ask(bus: ServoBus, data: bytes, t_now_ns: int = T0_NS) -> list[Packet]:
    return PacketParser().feed(b"".join(reply.data for reply in bus.handle(data, t_now_ns)))


def test_a_ping_is_answered_after_wire_time_and_return_delay(bus: ServoBus) -> None:
    (reply,) = bus.handle(protocol.ping(3), T0_NS)
    assert reply.data == bytes.fromhex("FF FF 03 02 00 FA")
    assert reply.t_done_ns == T0_NS + 6 * BYTE_NS + FACTORY_DELAY_NS + 6 * BYTE_NS


def test_bytes_may_come_one_by_one(bus: ServoBus) -> None:
    frame = protocol.ping(3)
    replies = [bus.handle(frame[i : i + 1], T0_NS + i * BYTE_NS) for i in range(len(frame))]
    assert [len(part) for part in replies] == [0, 0, 0, 0, 0, 1]
    assert replies[-1][0].t_done_ns == T0_NS + 6 * BYTE_NS + FACTORY_DELAY_NS + 6 * BYTE_NS


def test_a_request_broken_off_is_forgotten(bus: ServoBus) -> None:
    assert bus.handle(bytes.fromhex("FF FF 01 FA"), T0_NS) == []
    assert len(ask(bus, protocol.ping(1), T0_NS + 20_000_000)) == 1


def test_reads_and_writes(bus: ServoBus) -> None:
    assert ask(bus, protocol.write(2, registers.GOAL_POSITION.address, b"\x01\x02")) == [Packet(2, 0, b"")]
    assert ask(bus, protocol.read(2, registers.GOAL_POSITION.address, 2)) == [Packet(2, 0, b"\x01\x02")]


def test_sync_write_is_silent_and_reaches_each_its_own(bus: ServoBus) -> None:
    goals = {servo_id: registers.GOAL_POSITION.encode(2000 + servo_id) for servo_id in range(1, 7)}
    assert ask(bus, protocol.sync_write(registers.GOAL_POSITION.address, goals)) == []
    assert [servo.get(registers.GOAL_POSITION) for servo in bus.servos] == [2001, 2002, 2003, 2004, 2005, 2006]


def test_sync_read_is_answered_in_turn(bus: ServoBus) -> None:
    replies = bus.handle(protocol.sync_read(56, 8, (4, 2)), T0_NS)
    assert [reply.data[2] for reply in replies] == [4, 2]
    turn_ns = FACTORY_DELAY_NS + 14 * BYTE_NS
    assert [reply.t_done_ns - T0_NS for reply in replies] == [10 * BYTE_NS + turn_ns, 10 * BYTE_NS + 2 * turn_ns]


def test_what_is_written_for_later_waits_for_action(bus: ServoBus) -> None:
    for servo_id in (1, 2):
        ask(bus, protocol.reg_write(servo_id, registers.GOAL_POSITION.address, b"\x00\x04"))
    assert bus.servos[0].get(registers.GOAL_POSITION) == 2048
    assert ask(bus, protocol.action()) == []
    assert [servo.get(registers.GOAL_POSITION) for servo in bus.servos[:3]] == [1024, 1024, 2048]
    bus.servos[0].write(registers.GOAL_POSITION.address, b"\x00\x08")
    ask(bus, protocol.action())
    assert bus.servos[0].get(registers.GOAL_POSITION) == 2048  # done once


def test_broadcast_writes_are_done_by_all_and_answered_by_none(bus: ServoBus) -> None:
    assert ask(bus, protocol.write(BROADCAST_ID, registers.TORQUE_ENABLE.address, b"\x01")) == []
    assert [servo.get(registers.TORQUE_ENABLE) for servo in bus.servos] == [1] * 6
    assert ask(bus, protocol.read(BROADCAST_ID, 56, 2)) == []
    assert [packet.servo_id for packet in ask(bus, protocol.ping(BROADCAST_ID))] == [1, 2, 3, 4, 5, 6]


def test_a_wrong_checksum_is_met_with_silence(bus: ServoBus) -> None:
    frame = protocol.write(1, registers.TORQUE_ENABLE.address, b"\x01")
    assert bus.handle(frame[:-1] + bytes((frame[-1] ^ 1,)), T0_NS) == []
    assert bus.servos[0].get(registers.TORQUE_ENABLE) == 0


def test_status_level_0_answers_only_ping_and_read(bus: ServoBus) -> None:
    assert ask(bus, protocol.write(1, registers.STATUS_LEVEL.address, b"\x00")) == []
    assert ask(bus, protocol.write(1, registers.TORQUE_ENABLE.address, b"\x01")) == []
    assert bus.servos[0].get(registers.TORQUE_ENABLE) == 1
    assert len(ask(bus, protocol.ping(1) + protocol.read(1, 3, 2))) == 2


def test_a_servo_at_another_rate_hears_nothing(bus: ServoBus) -> None:
    assert len(ask(bus, protocol.write(1, registers.BAUD_CODE.address, b"\x01"))) == 1  # answered at the old rate
    assert ask(bus, protocol.ping(1)) == []
    bus.baud_hz = 500_000
    assert ask(bus, protocol.ping(2), T0_NS + 10**9) == []
    (reply,) = bus.handle(protocol.ping(1), T0_NS + 2 * 10**9)
    assert reply.t_done_ns == T0_NS + 2 * 10**9 + 12 * 2 * BYTE_NS + FACTORY_DELAY_NS


def test_a_new_id_holds_at_once_and_the_old_one_answers_last(bus: ServoBus) -> None:
    assert ask(bus, protocol.write(6, registers.SERVO_ID.address, b"\x09")) == [Packet(6, 0, b"")]
    assert ask(bus, protocol.ping(6)) == []
    assert ask(bus, protocol.ping(9)) == [Packet(9, 0, b"")]


def test_reboot_and_factory_reset(bus: ServoBus) -> None:
    ask(bus, protocol.write(1, registers.TORQUE_ENABLE.address, b"\x01"))
    ask(bus, protocol.reboot(1))
    assert bus.servos[0].get(registers.TORQUE_ENABLE) == 0
    ask(bus, protocol.write(1, registers.LOCK.address, b"\x00") + protocol.write(1, 7, b"\x00"))
    ask(bus, protocol.factory_reset(1))
    assert bus.servos[0].get(registers.RETURN_DELAY) == 250


def test_recalibration_renames_the_present_position(bus: ServoBus) -> None:
    for order, expected in ((protocol.recalibrate(1, 1024), 1024), (protocol.recalibrate(1), 2048)):
        ask(bus, order)
        (packet,) = ask(bus, protocol.read(1, 56, 2), T0_NS + 10**9)
        assert int.from_bytes(packet.parameters, "little") == expected


def test_faults_are_had_on_demand(bus: ServoBus) -> None:
    bus.faults.n_drop = 1
    assert ask(bus, protocol.ping(1) + protocol.ping(2)) == [Packet(2, 0, b"")]
    bus.faults.n_corrupt = 1
    assert ask(bus, protocol.ping(1) + protocol.ping(2)) == [Packet(2, 0, b"")]
    bus.faults.garbage = b"\xff\x00"
    assert bus.handle(protocol.ping(1), T0_NS)[0].data == b"\xff\x00" + protocol.build_packet(1, 0)
    bus.faults.silent_ids.add(1)
    assert ask(bus, protocol.ping(1)) == []


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_no_bytes_whatever_break_the_bus(chunks: list[bytes]) -> None:
    bus = rigid_servo_bus()
    replies = [reply for i, chunk in enumerate(chunks) for reply in bus.handle(chunk, T0_NS + i * BYTE_NS)]
    assert all(earlier.t_done_ns < later.t_done_ns for earlier, later in pairwise(replies))


instructions = st.sampled_from([1, 2, 3, 4, 5, 6, 8, 10, 11, 0x82, 0x83, 0x77])


@given(st.lists(st.tuples(st.integers(0, 7) | st.just(BROADCAST_ID), instructions, st.binary(max_size=20)), max_size=6))
def test_no_well_framed_nonsense_breaks_the_bus(orders: list[tuple[int, int, bytes]]) -> None:
    bus = rigid_servo_bus()
    for i, order in enumerate(orders):
        for reply in bus.handle(protocol.build_packet(*order), T0_NS + i * 10**8):
            assert len(PacketParser().feed(reply.data)) == 1


def test_an_echo_comes_first_and_also_for_what_nobody_answers(bus: ServoBus) -> None:
    bus.faults.echo = True
    request = protocol.ping(3)
    replies = bus.handle(request, T0_NS)
    assert [reply.data for reply in replies] == [request, bytes.fromhex("FF FF 03 02 00 FA")]
    assert replies[0].t_done_ns == T0_NS + 6 * BYTE_NS
    order = protocol.sync_write(registers.GOAL_POSITION.address, {1: b"\x01\x02"})
    assert [reply.data for reply in bus.handle(order, 2 * T0_NS)] == [order]


def test_a_delay_is_added_to_every_reply(bus: ServoBus) -> None:
    (prompt,) = bus.handle(protocol.ping(3), T0_NS)
    bus.faults.delay_ns = 7_000_000
    (late,) = bus.handle(protocol.ping(3), 2 * T0_NS)
    assert late.t_done_ns - 2 * T0_NS == prompt.t_done_ns - T0_NS + 7_000_000


def test_the_tape_notes_what_all_servos_were_told_and_when(bus: ServoBus, tmp_path: Path) -> None:
    bus.tape = GoalTape(6)
    for k in (0, 1):
        goals = {servo_id: registers.GOAL_POSITION.encode(2000 + servo_id + k) for servo_id in range(1, 7)}
        order = protocol.sync_write(registers.GOAL_POSITION.address, goals)
        bus.handle(order, (k + 1) * T0_NS)
    bus.tape.save(tmp_path / "goals.npy")
    written = load_goals(tmp_path / "goals.npy")
    assert written["goal_ticks"].tolist() == [list(range(2001, 2007)), list(range(2002, 2008))]
    assert (written["t_ns"] - T0_NS * np.array([1, 2])).tolist() == [len(order) * BYTE_NS] * 2
