"""The frames of RobStride motors: beside those of the maker's package, and back and forth."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import can
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from robstride_dynamics import Motor, ParameterType, RobstrideBus

from drivers.can.port import CanFrame
from drivers.robstride import protocol
from drivers.robstride.protocol import SPANS, STEPS, Control, Feedback, Kind, Parameter
from interfaces.errors import ProtocolError

FINITE = st.floats(-200, 200)
CONTROLS = st.builds(Control, FINITE, FINITE, FINITE, FINITE, FINITE)
MODELS = st.sampled_from(sorted(SPANS))


class Tap:
    """Keeps what the maker's package sends, and gives no answer."""

    def __init__(self) -> None:
        self.sent: list[can.Message] = []

    def send(self, message: can.Message) -> None:
        self.sent.append(message)

    def recv(self, timeout: float | None = None) -> None:
        del timeout


def sent_by_the_makers_package(model: str, motor_id: int, act: Callable[[RobstrideBus], object]) -> can.Message:
    bus = RobstrideBus("none", {"motor": Motor(motor_id, f"rs-{model[2:]}")})
    bus.channel_handler = tap = Tap()
    with suppress(RuntimeError):  # it misses the answer
        act(bus)
    bus.channel_handler = None  # or it would disable the motor when it is forgotten
    return tap.sent[0]


@settings(deadline=None)
@given(MODELS, st.integers(1, 127), CONTROLS)
def test_control_frames_are_those_of_the_makers_package(model: str, motor_id: int, told: Control) -> None:
    span = SPANS[model]
    position, velocity, stiffness, damping, torque = told
    theirs = sent_by_the_makers_package(
        model, motor_id, lambda bus: bus.write_operation_frame("motor", position, stiffness, damping, velocity, torque)
    )
    ours = protocol.control(motor_id, told, span)
    assert theirs.is_extended_id
    assert (theirs.arbitration_id >> 24, theirs.arbitration_id & 0xFF) == (ours.can_id >> 24, ours.can_id & 0xFF)
    words = [(theirs.arbitration_id >> 8 & 0xFFFF, ours.can_id >> 8 & 0xFFFF)]
    words += [tuple(int.from_bytes(data[i : i + 2], "big") for data in (theirs.data, ours.data)) for i in (0, 2, 4, 6)]
    # They cut down where we round, and divide the range into one step less: two steps apart at the most.
    assert all(0 <= our - their <= 2 for their, our in words), words


@pytest.mark.parametrize(
    ("parameter", "theirs", "value"),
    [
        (Parameter.TORQUE_LIMIT_NM, ParameterType.TORQUE_LIMIT, 5.5),
        (Parameter.TIMEOUT, ParameterType.CAN_TIMEOUT, 4000),
        (Parameter.RUN_MODE, ParameterType.MODE, 0),
    ],
)
def test_writes_are_those_of_the_makers_package(parameter: Parameter, theirs: Any, value: float) -> None:
    sent = sent_by_the_makers_package("RS02", 9, lambda bus: bus.write("motor", theirs, value))
    frame = protocol.make_frame(Kind.WRITE, 0xFF, 9, protocol.parameter_data(parameter, value))
    assert (sent.arbitration_id, bytes(sent.data)) == (frame.can_id, frame.data)


def test_frames_as_in_the_manual() -> None:
    # CyberGear manual 4.1: type in bits 28..24, data in 23..8, target in 7..0; 0..65535 over the range.
    rest = protocol.control(1, Control(0.0, 0.0, 0.0, 0.0, 0.0), SPANS["RS02"])
    assert (rest.can_id, rest.extended, rest.data.hex()) == (0x01800001, True, "8000800000000000")
    ends = protocol.control(0x7F, Control(-4 * math.pi, 44.0, 500.0, 5.0, -17.0), SPANS["RS02"])
    assert (ends.can_id, ends.data.hex()) == (0x0100007F, "0000ffffffffffff")
    told = protocol.parse_feedback(
        CanFrame(0x02840AFD, bytes.fromhex("ffff0000ffff0145"), extended=True), SPANS["RS02"]
    )
    assert told == Feedback(10, 2, 0x04, 4 * math.pi, -44.0, 17.0, 32.5)
    assert protocol.fault_names(told.faults) == "overheat"


@settings(deadline=None)
@given(MODELS, CONTROLS)
def test_what_is_told_arrives_within_half_a_step_or_as_the_end(model: str, told: Control) -> None:
    span = SPANS[model]
    arrived = protocol.parse_control(protocol.control(5, told, span), span)
    largest = (span.position_max_rad, span.velocity_max_rad_s, span.stiffness_max_nm_rad, span.damping_max_nm_s_rad)
    smallest = (-largest[0], -largest[1], 0.0, 0.0, -span.torque_max_nm)
    for sent, got, low, high in zip(told, arrived, smallest, (*largest, span.torque_max_nm), strict=True):
        assert got == pytest.approx(max(low, min(sent, high)), abs=(high - low) / STEPS * 0.501)


@settings(deadline=None)
@given(MODELS, st.integers(1, 127), st.integers(0, 2), st.integers(0, 63), st.binary(min_size=8, max_size=8))
def test_feedback_comes_back_to_the_byte(model: str, motor_id: int, mode: int, faults: int, data: bytes) -> None:
    span = SPANS[model]
    frame = protocol.make_frame(Kind.FEEDBACK, mode << 14 | faults << 8 | motor_id, 0xFD, data)
    assert protocol.feedback(protocol.parse_feedback(frame, span), span, 0xFD) == frame


def parse(frame: CanFrame, model: str) -> None:
    """Parse as everything; what is not refused must be inside its ranges."""
    span = SPANS[model]
    if len(frame.data) != protocol.FRAME_BYTES:
        for refuse in (protocol.parse_parameter, partial(protocol.parse_feedback, span=span)):
            with pytest.raises(ProtocolError, match="expected 8"):
                refuse(frame)
        return
    told, command = protocol.parse_feedback(frame, span), protocol.parse_control(frame, span)
    protocol.parse_parameter(frame)
    for values in (told, command):
        assert abs(values.position_rad) <= span.position_max_rad * (1 + 1e-9)
        assert abs(values.torque_nm) <= span.torque_max_nm * (1 + 1e-9)
    assert 0 <= command.stiffness_nm_rad <= span.stiffness_max_nm_rad


@settings(deadline=None)
@given(st.integers(0, 0x1FFFFFFF), st.binary(max_size=8), MODELS)
def test_whatever_comes_is_understood_or_refused(can_id: int, data: bytes, model: str) -> None:
    parse(CanFrame(can_id, data, extended=True), model)


@pytest.mark.slow
def test_a_million_random_frames_are_understood_or_refused() -> None:
    drawn = random.Random(0)
    models = sorted(SPANS)
    for _ in range(1_000_000):
        data = drawn.randbytes(drawn.choice((0, 3, 7, 8, 8, 8, 8)))
        parse(CanFrame(drawn.getrandbits(29), data, extended=True), drawn.choice(models))


def test_not_a_number_is_refused() -> None:
    with pytest.raises(ProtocolError, match="not a number"):
        protocol.control(1, Control(math.nan, 0.0, 1.0, 1.0, 0.0), SPANS["RS00"])
