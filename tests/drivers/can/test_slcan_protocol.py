"""Lines of serial CAN adapters: published ones, round trips, and what is no line."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drivers.can.port import CanFrame
from drivers.can.slcan_protocol import (
    BELL,
    LINE_MAX,
    LineParser,
    Status,
    decode_frame,
    decode_status,
    encode_frame,
    is_bus_off,
    n_errors,
)
from interfaces.errors import ProtocolError


@st.composite
def frames(draw: st.DrawFn) -> CanFrame:
    """Any classic frame; of a remote one only the length of the data is told."""
    extended, remote = draw(st.booleans()), draw(st.booleans())
    can_id = draw(st.integers(0, 2**29 - 1 if extended else 2**11 - 1))
    return CanFrame(can_id, draw(st.integers(0, 8).map(bytes) if remote else st.binary(max_size=8)), extended, remote)


@pytest.mark.parametrize(
    ("line", "frame"),
    [
        # Lawicel, CAN232 manual: the examples of the commands t and T, and of a frame with its time stamp.
        (b"t10021133\r", CanFrame(0x100, b"\x11\x33")),
        (b"T0000010021133\r", CanFrame(0x100, b"\x11\x33", extended=True)),
        # Linux, slcan-core.c: "t1230 : can_id 0x123, len 0", "T12ABCDEF2AA55 : ...", "r1230 : can_id 0x123, len 0, remote".
        (b"t1230\r", CanFrame(0x123)),
        (b"t4563112233\r", CanFrame(0x456, b"\x11\x22\x33")),
        (b"T12ABCDEF2AA55\r", CanFrame(0x12ABCDEF, b"\xaa\x55", extended=True)),
        (b"r1230\r", CanFrame(0x123, remote=True)),
    ],
)
def test_published_lines(line: bytes, frame: CanFrame) -> None:
    assert encode_frame(frame) == line
    assert decode_frame(line[:-1]) == frame


def test_a_time_stamp_behind_the_data_is_passed_over() -> None:
    assert decode_frame(b"t100211334D67") == CanFrame(0x100, b"\x11\x33")
    assert decode_frame(b"r10024D67") == CanFrame(0x100, bytes(2), remote=True)


@settings(deadline=None)
@given(frames())
def test_what_is_encoded_is_decoded(frame: CanFrame) -> None:
    assert decode_frame(encode_frame(frame)[:-1]) == frame


@pytest.mark.parametrize(
    "line",
    [
        *b"z t t12 t8000 t1239 t123211 t1232112 t12321122334 t-120 t1_20 T200000000 d1231aa r123100".split(),
        *(b"", b"t1231 1", b"t1231\xff\xff", "t\N{FULLWIDTH DIGIT ONE}230".encode()),
    ],
)
def test_what_is_no_frame_is_refused(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_frame(line)


@settings(deadline=None)
@given(st.binary(max_size=40))
@example(b"t1231")
def test_any_bytes_are_a_frame_or_refused(line: bytes) -> None:
    try:
        frame = decode_frame(line)
    except ProtocolError:
        return
    assert line.upper().startswith(encode_frame(frame)[:-1].upper())


def test_status_flags() -> None:
    assert decode_status(b"F00") == Status(0)
    assert decode_status(b"FA2") == Status.BUS_ERROR | Status.PASSIVE | Status.SEND_FULL
    for line in (b"F", b"F0", b"Fxx", b"F000"):
        with pytest.raises(ProtocolError):
            decode_status(line)


def test_what_newer_adapters_say_by_themselves() -> None:
    """Linux, slcan-core.c: "sb256256 : state bus-off", "sa057033 : state active", "e1a : len 1, errors: ACK error", "e3bcO"."""
    assert is_bus_off(b"sb256256")
    assert not is_bus_off(b"sa057033")
    assert [n_errors(line) for line in (b"e1a", b"e3bcO", b"e2a", b"e", b"exa", b"t1230")] == [1, 3, 0, 0, 0, 0]


@settings(deadline=None)
@given(st.lists(frames(), max_size=6), st.data())
def test_lines_come_out_however_they_were_cut(sent: list[CanFrame], data: st.DataObject) -> None:
    stream = b"".join(map(encode_frame, sent))
    parser, lines = LineParser(), list[bytes]()
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        lines += parser.feed(stream[:cut])
        stream = stream[cut:]
    assert [decode_frame(line) for line in lines] == sent


@settings(deadline=None)
@given(st.lists(frames(), min_size=1, max_size=4))
def test_never_more_bytes_are_waited_for_than_the_line_has(sent: list[CanFrame]) -> None:
    stream = b"".join(map(encode_frame, sent))
    parser, lines = LineParser(), list[bytes]()
    n_reads = 0
    while stream:
        count = parser.n_missing
        assert count <= stream.index(b"\r") + 1
        lines += parser.feed(stream[:count])
        stream = stream[count:]
        n_reads += 1
    assert len(lines) == len(sent)
    assert n_reads <= 3 * len(sent)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_after_garbage_one_line_is_lost_at_most(garbage: bytes) -> None:
    parser = LineParser()
    parser.feed(garbage)
    assert 1 <= parser.n_missing <= LINE_MAX
    good = CanFrame(0x123, b"12345678")
    assert parser.feed(encode_frame(good) * 2)[-1] == encode_frame(good)[:-1]


def test_a_bell_is_a_line_of_its_own() -> None:
    assert LineParser().feed(b"z\r\at1230\r\rt12") == [b"z", BELL, b"t1230", b""]


def test_a_line_without_end_takes_no_room() -> None:
    parser = LineParser()
    assert parser.feed(b"x" * 10_000) == []
    assert parser.feed(b"t1230\rt1230\r") == [b"t1230"]


def test_a_line_that_was_thrown_away_in_the_middle_is_forgotten() -> None:
    parser = LineParser()
    parser.feed(b"t12")
    parser.reset()
    assert parser.feed(b"t1230\r") == [b"t1230"]
