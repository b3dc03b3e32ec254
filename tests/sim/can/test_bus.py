"""The emulated CAN bus: wire time, arbitration, who hears what, and the faults."""

from __future__ import annotations

import pytest
from typing_extensions import override

from drivers.can.load import frame_bits
from drivers.can.port import CanFrame
from sim.can.bus import ERROR_BITS, Arrival, CanBus

T_NS = 10**9
BIT_NS = 1000  # at 1 Mbit/s


class Echo:
    """Answers its id with the same data at id + 0x100, and beats every 10 ms at id + 0x200."""

    def __init__(self, node_id: int, *, beats: bool = False) -> None:
        self.node_id = node_id
        self.heard: list[tuple[int, CanFrame]] = []
        self.n_powered = 0
        self._beats = beats
        self._t_beat_ns = T_NS

    def hear(self, frame: CanFrame, t_now_ns: int) -> list[CanFrame]:
        self.heard.append((t_now_ns, frame))
        return [CanFrame(self.node_id + 0x100, frame.data)] if frame.can_id == self.node_id else []

    def advance(self, t_now_ns: int) -> list[CanFrame]:
        if not self._beats or t_now_ns < self._t_beat_ns + 10_000_000:
            return []
        self._t_beat_ns += 10_000_000
        return [CanFrame(self.node_id + 0x200)]

    def power_on(self) -> None:
        self.n_powered += 1


def wire_ns(*frames: CanFrame) -> int:
    return sum(frame_bits(frame) for frame in frames) * BIT_NS


REQUEST, ANSWER = CanFrame(1, b"\x12\x34"), CanFrame(0x101, b"\x12\x34")
TO_TWO, OF_TWO = CanFrame(2, b"\x56"), CanFrame(0x102, b"\x56")


@pytest.fixture
def bus() -> CanBus:
    return CanBus([Echo(1), Echo(2)])


def test_an_answer_comes_after_both_frames_have_been_on_the_wire(bus: CanBus) -> None:
    assert bus.handle([REQUEST], T_NS) == [Arrival(T_NS + wire_ns(REQUEST, ANSWER), ANSWER)]


def test_at_half_the_rate_everything_takes_twice_as_long() -> None:
    bus = CanBus([Echo(1)], 500_000)
    assert bus.handle([REQUEST], T_NS) == [Arrival(T_NS + 2 * wire_ns(REQUEST, ANSWER), ANSWER)]


def test_every_node_hears_the_host_and_the_other_nodes(bus: CanBus) -> None:
    bus.handle([REQUEST], T_NS)
    one, two = bus.nodes
    assert isinstance(one, Echo)
    assert isinstance(two, Echo)
    assert one.heard == [(T_NS + wire_ns(REQUEST), REQUEST)]
    assert two.heard == [(T_NS + wire_ns(REQUEST), REQUEST), (T_NS + wire_ns(REQUEST, ANSWER), ANSWER)]


def test_the_lower_identifier_goes_first(bus: CanBus) -> None:
    """The answer to the first request waits while the host's second one, with a lower identifier, is sent."""
    assert bus.handle([REQUEST, TO_TWO], T_NS) == [
        Arrival(T_NS + wire_ns(REQUEST, TO_TWO, ANSWER), ANSWER),
        Arrival(T_NS + wire_ns(REQUEST, TO_TWO, ANSWER, OF_TWO), OF_TWO),
    ]


def test_each_sender_keeps_the_order_of_its_own_frames() -> None:
    bus = CanBus([Echo(1)])
    high = CanFrame(0x700)
    assert bus.handle([high, REQUEST], T_NS) == [Arrival(T_NS + wire_ns(high, REQUEST, ANSWER), ANSWER)]


@pytest.mark.parametrize(
    ("winner", "loser"),
    [
        (CanFrame(0x100), CanFrame(0x101)),
        (CanFrame(0x100), CanFrame(0x100, remote=True)),
        (CanFrame(0x100), CanFrame(0x100 << 18, extended=True)),
        (CanFrame(0x100, remote=True), CanFrame(0x100 << 18, extended=True)),
        (CanFrame(0xFF << 18 | 0x3FFFF, extended=True), CanFrame(0x100)),
        (CanFrame(0x100 << 18, extended=True), CanFrame(0x100 << 18, extended=True, remote=True)),
    ],
)
def test_a_dominant_bit_wins(winner: CanFrame, loser: CanFrame) -> None:
    class Sender(Echo):
        def __init__(self, frame: CanFrame) -> None:
            super().__init__(0)
            self._due = [frame]

        @override
        def advance(self, t_now_ns: int) -> list[CanFrame]:
            del t_now_ns
            due, self._due = self._due, []
            return due

    bus = CanBus([Sender(loser), Sender(winner)])
    assert [arrival.frame for arrival in bus.advance(T_NS)] == [winner, loser]


def test_the_wire_is_still_busy_with_what_was_sent_before(bus: CanBus) -> None:
    bus.handle([REQUEST], T_NS)
    assert bus.handle([TO_TWO], T_NS + 1) == [Arrival(T_NS + wire_ns(REQUEST, ANSWER, TO_TWO, OF_TWO), OF_TWO)]


def test_heartbeats_come_when_they_are_due() -> None:
    bus = CanBus([Echo(1, beats=True)])
    beat = CanFrame(0x201)
    assert bus.advance(T_NS + 9_999_999) == []
    assert bus.advance(T_NS + 10_000_000) == [Arrival(T_NS + 10_000_000 + wire_ns(beat), beat)]
    assert bus.advance(T_NS + 10_000_001) == []


def test_a_silent_node_neither_hears_nor_answers_but_time_passes_for_it() -> None:
    bus = CanBus([Echo(1, beats=True), Echo(2)])
    bus.faults.silent = {0}
    assert bus.handle([REQUEST], T_NS) == []
    assert bus.advance(T_NS + 10_000_000) == []
    bus.faults.silent = set()
    assert bus.advance(T_NS + 19_000_000) == []
    one = bus.nodes[0]
    assert isinstance(one, Echo)
    assert one.heard == []


def test_what_nobody_acknowledges_waits(bus: CanBus) -> None:
    bus.faults.silent = {0, 1}
    assert bus.handle([REQUEST], T_NS) == []
    assert bus.n_waiting == 1
    bus.faults.silent = set()
    assert bus.advance(T_NS + 10**6) == [Arrival(T_NS + 10**6 + wire_ns(REQUEST, ANSWER), ANSWER)]
    assert bus.n_waiting == 0


def test_a_lost_answer_took_its_time_and_the_next_comes(bus: CanBus) -> None:
    bus.faults.n_drop = 1
    assert bus.handle([REQUEST], T_NS) == []
    assert bus.handle([TO_TWO], T_NS) == [Arrival(T_NS + wire_ns(REQUEST, ANSWER, TO_TWO, OF_TWO), OF_TWO)]


def test_garbage_comes_before_the_next_answer_once(bus: CanBus) -> None:
    bus.faults.garbage = [CanFrame(0x7FF, b"?")]
    assert [arrival.frame for arrival in bus.handle([REQUEST], T_NS)] == [CanFrame(0x7FF, b"?"), ANSWER]
    assert [arrival.frame for arrival in bus.handle([REQUEST], T_NS)] == [ANSWER]


def test_a_delay_holds_for_every_frame(bus: CanBus) -> None:
    bus.faults.delay_ns = 7
    assert bus.handle([REQUEST], T_NS) == [Arrival(T_NS + wire_ns(REQUEST, ANSWER) + 7, ANSWER)]


def test_a_destroyed_frame_is_repeated_and_counted(bus: CanBus) -> None:
    bus.faults.n_error_frames = 2
    t_done_ns = T_NS + wire_ns(REQUEST, REQUEST, REQUEST, ANSWER) + 2 * ERROR_BITS * BIT_NS
    assert bus.handle([REQUEST], T_NS) == [Arrival(t_done_ns, ANSWER)]
    assert bus.error_frames == 2


def test_off_the_bus_the_host_neither_sends_nor_hears(bus: CanBus) -> None:
    bus.faults.bus_off = True
    assert bus.handle([REQUEST], T_NS) == []
    assert bus.n_waiting == 0
    one = bus.nodes[0]
    assert isinstance(one, Echo)
    assert one.heard == []


def test_at_another_rate_nothing_is_understood(bus: CanBus) -> None:
    bus.host_bitrate_hz = 500_000
    assert bus.handle([REQUEST], T_NS) == []
    bus.host_bitrate_hz = 1_000_000
    assert len(bus.handle([REQUEST], T_NS)) == 1


def test_power_comes_back_to_every_node(bus: CanBus) -> None:
    bus.power_cycle()
    assert [node.n_powered for node in bus.nodes if isinstance(node, Echo)] == [1, 1]


def test_nodes_that_answer_each_other_for_ever_are_told_of() -> None:
    class Chatter(Echo):
        @override
        def hear(self, frame: CanFrame, t_now_ns: int) -> list[CanFrame]:
            del frame, t_now_ns
            return [CanFrame(self.node_id)]

    with pytest.raises(RuntimeError, match="answer each other"):
        CanBus([Chatter(1), Chatter(2)]).handle([CanFrame(3)], T_NS)
