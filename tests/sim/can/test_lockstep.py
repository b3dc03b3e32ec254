"""The virtual CAN port: a frame is there when the wire has carried it, not before."""

from __future__ import annotations

import pytest

from drivers.can.load import frame_bits
from drivers.can.port import CanFrame, CanHealth
from interfaces.errors import BusTimeoutError, DeviceLostError
from sim.can.bus import HOST_QUEUE, CanBus
from sim.can.lockstep import LockstepCan

T_NS = 10**9
REQUEST, ANSWER = CanFrame(1, b"\x12\x34"), CanFrame(0x101, b"\x12\x34")
ROUND_NS = (frame_bits(REQUEST) + frame_bits(ANSWER)) * 1000
BEAT_NS = 10_000_000


class Node:
    """Answers id 1 at 0x101, and beats at 0x201 10 ms after the start."""

    def __init__(self) -> None:
        self._beats = [CanFrame(0x201)]

    def hear(self, frame: CanFrame, t_now_ns: int) -> list[CanFrame]:
        del t_now_ns
        return [CanFrame(0x101, frame.data)] if frame.can_id == 1 else []

    def advance(self, t_now_ns: int) -> list[CanFrame]:
        if t_now_ns < T_NS + BEAT_NS:
            return []
        due, self._beats = self._beats, []
        return due

    def power_on(self) -> None:
        """Nothing to forget."""


class Clock:
    """An instant that the test sets."""

    t_now_ns = T_NS


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bus() -> CanBus:
    return CanBus([Node()])


@pytest.fixture
def port(bus: CanBus, clock: Clock) -> LockstepCan:
    return LockstepCan(bus, lambda: clock.t_now_ns).open_port("can0", 1_000_000)


def test_time_runs_on_to_the_answer(port: LockstepCan) -> None:
    port.send([REQUEST])
    assert port.now_ns() == T_NS
    assert port.receive(T_NS + 10**8) == ANSWER
    assert port.now_ns() == T_NS + ROUND_NS


def test_a_deadline_before_the_answer_is_kept_and_the_answer_comes_later(port: LockstepCan) -> None:
    port.send([REQUEST])
    assert port.receive(T_NS + ROUND_NS - 1) is None
    assert port.now_ns() == T_NS + ROUND_NS - 1
    port.discard()  # has not arrived yet
    assert port.receive(T_NS + ROUND_NS) == ANSWER


def test_a_deadline_in_the_past_still_gives_what_has_arrived(port: LockstepCan, clock: Clock) -> None:
    port.send([REQUEST])
    clock.t_now_ns += ROUND_NS
    assert port.receive(T_NS) == ANSWER
    assert port.receive(T_NS) is None
    assert port.now_ns() == T_NS + ROUND_NS


def test_what_arrived_can_be_thrown_away(port: LockstepCan, clock: Clock) -> None:
    port.send([REQUEST])
    clock.t_now_ns += ROUND_NS
    port.discard()
    assert port.receive(T_NS + ROUND_NS + 1000) is None


def test_a_heartbeat_is_heard_while_waiting_and_after(port: LockstepCan, clock: Clock) -> None:
    assert port.receive(T_NS + BEAT_NS - 1) is None
    clock.t_now_ns = T_NS + 2 * BEAT_NS
    port.catch_up()
    assert port.receive(T_NS + 3 * BEAT_NS) == CanFrame(0x201)
    assert port.now_ns() < T_NS + 2 * BEAT_NS + 10**6


def test_what_is_late_is_not_overtaken(port: LockstepCan, bus: CanBus) -> None:
    bus.faults.delay_ns = 10**6
    port.send([REQUEST])
    bus.faults.delay_ns = 0
    port.send([CanFrame(1, b"next")])
    assert port.receive(T_NS + 10**8) == ANSWER
    assert port.receive(T_NS + 10**8) == CanFrame(0x101, b"next")


def test_without_anybody_who_acknowledges_the_queue_fills(port: LockstepCan, bus: CanBus, clock: Clock) -> None:
    bus.faults.silent = {0}
    port.send([REQUEST] * HOST_QUEUE)
    with pytest.raises(BusTimeoutError, match="can0: no room in the queue"):
        port.send([REQUEST])
    assert port.health() == CanHealth(error_frames=0, bus_off=0, queue_full=1)
    bus.faults.silent = set()
    clock.t_now_ns += 10**8
    port.send([REQUEST])
    received = [port.receive(T_NS + 2 * 10**8) for _ in range(HOST_QUEUE + 3)]
    assert received.count(ANSWER) == HOST_QUEUE + 1
    assert received[-1] is None


def test_more_frames_than_the_queue_holds_can_be_sent_at_once(port: LockstepCan) -> None:
    port.send([REQUEST] * (HOST_QUEUE + 6))
    assert [port.receive(T_NS + 10**8) for _ in range(HOST_QUEUE + 6)] == [ANSWER] * (HOST_QUEUE + 6)


def test_off_the_bus_is_a_lost_device_and_counted_once(port: LockstepCan, bus: CanBus) -> None:
    bus.faults.bus_off = True
    with pytest.raises(DeviceLostError, match="can0 is off the bus"):
        port.send([REQUEST])
    with pytest.raises(DeviceLostError, match="can0 is off the bus"):
        port.receive(T_NS + 10**9)
    assert port.health().bus_off == 1
    bus.faults.bus_off = False
    port.send([REQUEST])
    assert ANSWER in (
        port.receive(port.now_ns() + 10**8),
        port.receive(port.now_ns() + 10**8),
    )  # the other one is the beat


def test_error_frames_are_counted_from_the_opening_on(port: LockstepCan, bus: CanBus) -> None:
    bus.faults.n_error_frames = 3
    port.send([REQUEST])
    assert port.receive(T_NS + 10**8) == ANSWER
    assert port.health().error_frames == 3
    assert port.open_port("can0", 1_000_000).health().error_frames == 0


def test_at_another_rate_nobody_answers(port: LockstepCan) -> None:
    port.open_port("can0", 500_000).send([REQUEST])
    assert port.receive(T_NS + 10**8) is None
