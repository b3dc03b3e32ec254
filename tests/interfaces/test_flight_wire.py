"""What the recorder is told survives the wire to the last bit, and nothing is believed that was not checked."""

import contextlib
import dataclasses
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from interfaces.errors import ProtocolError
from interfaces.flight import ActionInference, CommandCycle, ForesightInference, Line
from interfaces.flight_wire import (
    CYCLE_LAYOUT,
    FORESIGHT_LAYOUT,
    INFERENCE_LAYOUT,
    LINE_LAYOUT,
    MAX_INPUTS,
    MAX_LINE,
    MAX_MESSAGE,
    MAX_WHY,
    CycleEncoder,
    decode_cycle,
    decode_foresight,
    decode_inference,
    decode_line,
    encode_foresight,
    encode_inference,
    encode_line,
)
from interfaces.messages import CommandState, Foresight, JointState, StageInput, StageInputKind
from interfaces.wire import MAX_HORIZON, MAX_JOINTS

settings.register_profile("flight_wire", deadline=None)
settings.load_profile("flight_wire")

DECODERS = (decode_cycle, decode_foresight, decode_inference, decode_line)
instants = st.integers(-(2**63), 2**63 - 1)
counts = st.integers(0, 2**64 - 1)
short_text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)


def vectors(n: int) -> st.SearchStrategy[Any]:
    return arrays.arrays(np.float64, n, elements=st.floats(width=64))


def rows32(shape: tuple[int, int]) -> st.SearchStrategy[Any]:
    return arrays.arrays(np.float32, shape, elements=st.floats(width=32))


@st.composite
def joint_states(draw: st.DrawFn, n: int) -> JointState:
    measured = draw(instants.filter(bool))
    names = ("position_rad", "velocity_rad_s", "effort_ratio", "voltage_v", "temperature_degc")
    return JointState(t_measured_ns=measured, **{name: draw(vectors(n)) for name in names})


@st.composite
def stage_inputs(draw: st.DrawFn) -> StageInput:
    return StageInput(
        kind=draw(st.sampled_from(StageInputKind)),
        t_ns=draw(instants),
        why=draw(short_text),
        chunk_sequence=draw(counts),
    )


@st.composite
def cycles(draw: st.DrawFn, n: int) -> CommandCycle:
    t_names = [item.name for item in dataclasses.fields(CommandCycle) if item.name.startswith("t_")]
    return CommandCycle(
        **{name: draw(instants) for name in t_names},
        sequence=draw(counts),
        missed=draw(st.integers(0, 2**32 - 1)),
        state=draw(st.sampled_from(CommandState)),
        why=draw(short_text),
        chunk_sequence=draw(st.integers(0, 2**63 - 1)),
        frame_age_ns=draw(instants),
        foresight_age_ns=draw(instants),
        joints=draw(st.none() | joint_states(n)),
        commanded_rad=draw(vectors(n)),
        commanded_rad_s=draw(vectors(n)),
        commanded_rad_s2=draw(vectors(n)),
        inputs=tuple(draw(st.lists(stage_inputs(), max_size=MAX_INPUTS))),
    )


def assert_same(got: Any, expected: Any) -> None:
    """Compare dataclasses of arrays bit by bit; NaN equals itself."""
    if dataclasses.is_dataclass(expected):
        for item in dataclasses.fields(expected):
            assert_same(getattr(got, item.name), getattr(expected, item.name))
    elif isinstance(expected, np.ndarray):
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, cast("NDArray[Any]", expected))
    elif isinstance(expected, tuple):
        for one, other in zip(got, cast("tuple[Any, ...]", expected), strict=True):
            assert_same(one, other)
    else:
        assert got == expected
        assert type(got) is type(expected)


@given(st.data(), st.integers(1, MAX_JOINTS))
def test_a_cycle_survives_the_wire(data: st.DataObject, n: int) -> None:
    cycle = data.draw(cycles(n))
    assert_same(decode_cycle(bytes(CycleEncoder(n).encode(cycle))), cycle)


@given(st.data())
def test_the_encoder_leaves_nothing_of_the_cycle_before(data: st.DataObject) -> None:
    encoder = CycleEncoder(6)
    for cycle in data.draw(st.lists(cycles(6), min_size=2, max_size=4)):
        assert_same(decode_cycle(bytes(encoder.encode(cycle))), cycle)


@given(st.data(), st.integers(1, MAX_HORIZON), st.integers(1, MAX_JOINTS))
def test_an_inference_survives_the_wire(data: st.DataObject, rows: int, n: int) -> None:
    run = ActionInference(
        **{name: data.draw(counts) for name in ("sequence", "chunk_sequence", "foresight_sequence")},
        **{name: data.draw(instants) for name in ("t_start_ns", "t_done_ns", "t_state_ns")},
        joints_rad=data.draw(vectors(n)),
        noise=data.draw(rows32((rows, n))),
    )
    assert_same(decode_inference(encode_inference(run)), run)


@given(st.data(), st.integers(0, 40), st.integers(0, 40))
def test_a_foresight_survives_the_wire(data: st.DataObject, n_tokens: int, n_features: int) -> None:
    run = ForesightInference(
        sequence=data.draw(counts),
        t_start_ns=data.draw(instants),
        foresight=Foresight(
            sequence=data.draw(counts),
            instruction=data.draw(st.text("abc dé", max_size=30)),
            t_capture_ns=data.draw(instants),
            t_done_ns=data.draw(instants),
            tokens=data.draw(rows32((n_tokens, n_features))),
            t_earlier_ns=tuple(data.draw(st.lists(instants, max_size=20))),
        ),
    )
    assert_same(decode_foresight(encode_foresight(run)), run)


@given(short_text, short_text.map(lambda text: text[:8]), counts, instants, st.integers(0, 50))
def test_a_line_survives_the_wire(text: str, source: str, sequence: int, t_ns: int, level: int) -> None:
    line = Line(sequence=sequence, t_ns=t_ns, source=source, level=level, text=text)
    assert_same(decode_line(encode_line(line)), line)


def line(text: str) -> Line:
    return Line(sequence=1, t_ns=2, source="command", level=20, text=text)


@given(st.text(min_size=0, max_size=MAX_LINE * 2))
def test_any_text_is_cut_and_never_refused(text: str) -> None:
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        encoded = None  # a lone surrogate, as Python makes it of a file name that is no UTF-8
    got = decode_line(encode_line(line(text))).text
    if encoded is not None and len(encoded) <= MAX_LINE and not text.endswith("\0"):
        assert got == text
    assert len(got) <= MAX_LINE


def simple_cycle(**changes: Any) -> CommandCycle:
    zeros = np.zeros(6)
    cycle = CommandCycle(
        **{item.name: 1 for item in dataclasses.fields(CommandCycle) if item.type == "int"},
        state=CommandState.READY,
        why="",
        joints=None,
        commanded_rad=zeros,
        commanded_rad_s=zeros,
        commanded_rad_s2=zeros,
        inputs=(),
    )
    return dataclasses.replace(cycle, **changes)


def test_a_long_reason_is_cut_and_many_inputs_are_left_out() -> None:
    told = StageInput(kind=StageInputKind.CHUNK, t_ns=1, why="ä" * MAX_WHY, chunk_sequence=9)
    got = decode_cycle(bytes(CycleEncoder(6).encode(simple_cycle(why="w" * 500, inputs=(told,) * 20))))
    assert got.why == "w" * MAX_WHY
    assert len(got.inputs) == MAX_INPUTS
    assert got.inputs[-1].why == "ä" * (MAX_WHY // 2)


def test_a_reason_that_is_no_utf8_does_not_stop_the_command_process() -> None:
    got = decode_cycle(bytes(CycleEncoder(6).encode(simple_cycle(why="no \udcff text"))))
    assert got.why.startswith("no ")


def test_the_largest_messages_fit() -> None:
    for layout in (CYCLE_LAYOUT, INFERENCE_LAYOUT, LINE_LAYOUT):
        assert layout.itemsize <= MAX_MESSAGE
    foresight = Foresight(
        sequence=1, instruction="", t_capture_ns=0, t_done_ns=0, tokens=np.zeros((1, 40_000), np.float32)
    )
    with pytest.raises(ProtocolError, match="limit"):
        encode_foresight(ForesightInference(sequence=1, t_start_ns=0, foresight=foresight))


@pytest.mark.parametrize("shape", [(0, 6), (MAX_HORIZON + 1, 6), (4, 0), (4, MAX_JOINTS + 1)])
def test_noise_that_does_not_fit_is_refused(shape: tuple[int, int]) -> None:
    run = ActionInference(
        sequence=1,
        chunk_sequence=1,
        foresight_sequence=1,
        t_start_ns=1,
        t_done_ns=1,
        t_state_ns=1,
        joints_rad=np.zeros(shape[1]),
        noise=np.zeros(shape, np.float32),
    )
    with pytest.raises(ProtocolError):
        encode_inference(run)


SIZES = [layout.itemsize for layout in (CYCLE_LAYOUT, INFERENCE_LAYOUT, FORESIGHT_LAYOUT, LINE_LAYOUT)]


@given(st.binary(max_size=200), st.sampled_from(SIZES), st.integers(0, 2**32))
def test_garbage_is_refused(data: bytes, size: int, seed: int) -> None:
    noise = np.random.default_rng(seed).bytes(size)
    for garbage in (data, noise, bytes(size)):
        for decode in DECODERS:
            with pytest.raises(ProtocolError):
                decode(garbage)


def one_of_each() -> list[tuple[Any, bytes]]:
    foresight = Foresight(sequence=1, instruction="go", t_capture_ns=1, t_done_ns=2, tokens=np.ones((3, 4), np.float32))
    run = ActionInference(
        sequence=1,
        chunk_sequence=1,
        foresight_sequence=1,
        t_start_ns=1,
        t_done_ns=1,
        t_state_ns=1,
        joints_rad=np.zeros(6),
        noise=np.zeros((4, 6), np.float32),
    )
    told = StageInput(kind=StageInputKind.BEGIN, t_ns=1)
    return [
        (decode_cycle, bytes(CycleEncoder(6).encode(simple_cycle(inputs=(told,))))),
        (decode_inference, encode_inference(run)),
        (decode_foresight, encode_foresight(ForesightInference(sequence=1, t_start_ns=1, foresight=foresight))),
        (decode_line, encode_line(line("text"))),
    ]


@given(st.sampled_from(one_of_each()), st.data())
def test_a_damaged_message_is_refused_or_read_and_nothing_else(message: tuple[Any, bytes], data: st.DataObject) -> None:
    decode, whole = message
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ProtocolError):
        decode(bytes(damaged))


@given(st.sampled_from(one_of_each()), st.integers(0, 5000))
def test_a_message_cut_short_or_of_another_kind_is_refused(message: tuple[Any, bytes], cut: int) -> None:
    decode, whole = message
    with pytest.raises(ProtocolError):
        decode(whole[: cut % len(whole)])
    for other in DECODERS:
        if other is not decode:
            with pytest.raises(ProtocolError):
                other(whole)
