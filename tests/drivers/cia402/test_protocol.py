"""Words and frames against published ones and the tables of the `canopen` package; the decoders against garbage.

Vectors: CiA 402 over CANopen as tried with `canopen` 2.4.1, node 5.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from canopen.emcy import EmcyConsumer
from canopen.profiles.p402 import State402
from hypothesis import given
from hypothesis import strategies as st

from drivers.can.port import CanFrame
from drivers.cia402 import protocol
from drivers.cia402.protocol import (
    TOWARDS_ENABLED,
    Controlword,
    Emergency,
    NmtCommand,
    NmtState,
    PowerState,
    error_text,
    interpolation_period,
    power_state,
)
from interfaces.errors import ProtocolError

PUBLISHED = [
    (protocol.nmt(NmtCommand.OPERATIONAL, 5), 0x000, "01 05"),
    (protocol.sync(), 0x080, ""),
    (protocol.target(5, Controlword.SHUTDOWN, 0), 0x205, "06 00 00 00 00 00"),
    (protocol.target(5, Controlword.SWITCH_ON, 0), 0x205, "07 00 00 00 00 00"),
    (protocol.target(5, Controlword.ENABLE_OPERATION, 123456), 0x205, "0F 00 40 E2 01 00"),
    (protocol.target(5, Controlword.ENABLE_OPERATION, -1), 0x205, "0F 00 FF FF FF FF"),
    (protocol.target(5, Controlword.FAULT_RESET, 0), 0x205, "80 00 00 00 00 00"),
    (protocol.sdo_question(5, 0x1000, 0), 0x605, "40 00 10 00 00 00 00 00"),
    (protocol.heartbeat(127), 0x77F, "05"),
]


@pytest.mark.parametrize(("frame", "can_id", "data"), PUBLISHED)
def test_frames_are_as_published(frame: CanFrame, can_id: int, data: str) -> None:
    assert frame == CanFrame(can_id, bytes.fromhex(data))


def test_answers_are_read_as_published() -> None:
    assert protocol.decode_status(bytes.fromhex("27 16 40 E2 01 00")) == (0x1627, 123456, None)
    assert protocol.decode_status(bytes.fromhex("27 16 C0 1D FE FF 38 FF")) == (0x1627, -123456, -200)
    assert protocol.decode_motion(bytes.fromhex("18 FC FF FF 08")) == (-1000, 8)
    assert protocol.decode_millivolts(bytes.fromhex("80 BB 00 00")) == 48_000
    assert protocol.sdo_subject(bytes.fromhex("43 00 10 00 92 01 02 00")) == (0x1000, 0)
    assert protocol.decode_heartbeat(b"\x85") == NmtState.OPERATIONAL  # with the toggle bit of node guarding


def test_every_statusword_is_read_as_by_the_referee() -> None:
    for statusword in range(0x10000):
        theirs = [name for name, (mask, value) in State402.SW_MASK.items() if statusword & mask == value]
        try:
            ours = [power_state(statusword).words.upper()]
        except ProtocolError:
            ours = []
        assert ours == theirs


def test_every_step_towards_operation_is_in_the_referees_table() -> None:
    state = PowerState.QUICK_STOP_ACTIVE
    for _ in range(4):
        before, word = state, TOWARDS_ENABLED[state]
        state = next(
            PowerState[after.replace(" ", "_")]
            for (name, after), command in State402.TRANSITIONTABLE.items()
            if name == before.words.upper() and command == word
        )
    assert state == PowerState.OPERATION_ENABLED


def test_controlwords_are_the_referees() -> None:
    theirs = {State402.CW_SHUTDOWN, State402.CW_SWITCH_ON, State402.CW_OPERATION_ENABLED, State402.CW_QUICK_STOP}
    assert set(Controlword) == {*theirs, State402.CW_DISABLE_VOLTAGE, State402.CW_SWITCH_ON_DISABLED}


@given(code=st.integers(0, 0xFFFF), register=st.integers(0, 0xFF), detail=st.binary(min_size=5, max_size=5))
def test_emergencies_are_read_as_by_the_referee(code: int, register: int, detail: bytes) -> None:
    data = code.to_bytes(2, "little") + bytes((register,)) + detail
    consumer = EmcyConsumer()
    consumer.on_emcy(0x85, data, 0.0)
    theirs = consumer.log[0]
    assert protocol.decode_emergency(data) == Emergency(theirs.code, theirs.register, theirs.data)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0x3210, "3210h (DC link over-voltage)"),
        (0x3211, "3211h (voltage)"),
        (0x8611, "8611h (following error)"),
        (0x8130, "8130h (heartbeat lost)"),
        (0xFF01, "FF01h (the maker's own)"),
        (0x0001, "0001h (unknown)"),
        (0, "no error code"),
    ],
)
def test_error_codes_are_told_in_words(code: int, text: str) -> None:
    assert error_text(code) == text


@pytest.mark.parametrize(
    ("rate_hz", "period"),
    [
        (100, (10, -3)),
        (250, (4, -3)),
        (400, (25, -4)),
        (500, (2, -3)),
        (800, (125, -5)),
        (1000, (1, -3)),
        (10, (100, -3)),
    ],
)
def test_a_period_is_told_exactly_where_it_can_be(rate_hz: int, period: tuple[int, int]) -> None:
    assert interpolation_period(round(1e9 / rate_hz)) == period


@given(st.integers(1_000_000, 255_000_000))
def test_a_period_is_told_to_two_digits_at_least(period_ns: int) -> None:
    units, power = interpolation_period(period_ns)
    assert 1 <= units <= 255
    assert units * 10.0 ** (power + 9) == pytest.approx(period_ns, rel=0.02)


def test_a_period_that_no_drive_knows_is_refused() -> None:
    with pytest.raises(ProtocolError, match="256 ms is too long"):
        interpolation_period(256_000_000)


@pytest.mark.parametrize("counts", [2**31, -(2**31) - 1])
def test_a_target_beyond_32_bits_is_refused(counts: int) -> None:
    with pytest.raises(ProtocolError, match="does not fit into 32 bits"):
        protocol.target(5, Controlword.ENABLE_OPERATION, counts)


@given(controlword=st.sampled_from(Controlword), counts=st.integers(-(2**31), 2**31 - 1))
def test_what_is_sent_can_be_read(controlword: Controlword, counts: int) -> None:
    assert protocol.decode_status(protocol.target(9, controlword, counts).data) == (controlword, counts, None)


DECODERS: list[tuple[Callable[[bytes], object], set[int]]] = [
    (protocol.decode_status, {6, 8}),
    (protocol.decode_motion, {5}),
    (protocol.decode_millivolts, {4}),
    (protocol.decode_emergency, {8}),
    (protocol.sdo_subject, {8}),
]


def decode_anything(data: bytes) -> None:
    for decode, lengths in DECODERS:
        if len(data) in lengths:
            decode(data)
        else:
            with pytest.raises(ProtocolError):
                decode(data)
    states = {0, 4, 5, 127}
    if len(data) == 1 and data[0] & 0x7F in states:
        assert protocol.decode_heartbeat(data) in states
    else:
        with pytest.raises(ProtocolError):
            protocol.decode_heartbeat(data)


@given(st.binary(max_size=8))
def test_whatever_comes_is_decoded_or_refused(data: bytes) -> None:
    decode_anything(data)
