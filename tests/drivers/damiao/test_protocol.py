"""Frames against published ones and against damiao-motor, which emits and reads the maker's; decoders against garbage.

damiao-motor 1.0.6 (PyPI) is by another hand, and runs on real motors.
"""

import math
import random
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.can.port import CanFrame
from drivers.damiao import protocol
from drivers.damiao.protocol import RANGES, Feedback, MitCommand, MitRange, MotorState, Register, RegisterAnswer
from interfaces.errors import ForerunError, ProtocolError

DM4310 = RANGES["DM4310"]
MODELS = st.sampled_from(list(RANGES))
NUMBERS = st.floats(-1e6, 1e6) | st.floats(-30.0, 30.0)


def as_hex(frame: CanFrame) -> str:
    return frame.data.hex(" ").upper()


@pytest.mark.parametrize(
    ("command", "published"),
    [
        (MitCommand(1.0, -2.0, 30.0, 1.0, 0.5), "8A 3C 77 70 F5 33 38 65"),
        (MitCommand(0.0, 0.0, 0.0, 0.0, 0.0), "7F FF 7F F0 00 00 07 FF"),
    ],
)
def test_a_published_command_of_a_dm4310(command: MitCommand, published: str) -> None:
    frame = protocol.mit_command(3, command, DM4310)
    assert (frame.can_id, as_hex(frame)) == (3, published)


def test_orders_and_questions() -> None:
    assert as_hex(protocol.order(1, protocol.ENABLE)) == "FF FF FF FF FF FF FF FC"
    assert as_hex(protocol.order(1, protocol.DISABLE)) == "FF FF FF FF FF FF FF FD"
    assert as_hex(protocol.order(1, protocol.ZERO)) == "FF FF FF FF FF FF FF FE"
    assert as_hex(protocol.order(1, protocol.CLEAR)) == "FF FF FF FF FF FF FF FB"
    frames = {
        "03 00 33 09 00 00 00 00": protocol.read_register(3, Register.TIMEOUT),
        "03 00 55 09 A0 0F 00 00": protocol.write_register(3, Register.TIMEOUT, 4000),
        "03 00 55 15 00 00 48 41": protocol.write_register(3, Register.POSITION_MAX, 12.5),
        "03 00 AA 01 00 00 00 00": protocol.save_registers(3),
        "03 00 CC 00 00 00 00 00": protocol.refresh(3),
    }
    assert {as_hex(frame): frame.can_id for frame in frames.values()} == dict.fromkeys(frames, 0x7FF)


def test_feedback_is_read_bit_by_bit() -> None:
    # State 1, motor 3; p = 8000, v = 800, t = C00; 45 and 51 degC.
    told = protocol.parse_feedback(bytes.fromhex("13 80 00 80 0C 00 2D 33"), DM4310)
    assert (told.state, told.id_nibble, told.bridge_degc, told.rotor_degc) == (MotorState.ENABLED, 3, 45, 51)
    assert told.position_rad == pytest.approx(12.5 / 65535)
    assert told.velocity_rad_s == pytest.approx(30 / 4095)
    assert told.torque_nm == pytest.approx(0xC00 / 0xFFF * 20 - 10)


def test_states_are_named() -> None:
    assert protocol.state_name(0xC) == "rotor overheat"
    assert protocol.state_name(0xD) == "lost communication"
    assert protocol.state_name(0x5) == "unknown state 0x5"


def test_what_cannot_be_said_is_refused() -> None:
    with pytest.raises(ProtocolError, match="not a number"):
        protocol.mit_command(1, MitCommand(math.nan, 0, 0, 0, 0), DM4310)
    with pytest.raises(ProtocolError, match="does not fit into register 9"):
        protocol.write_register(1, Register.TIMEOUT, -1)
    with pytest.raises(ProtocolError, match="does not fit into register 21"):
        protocol.write_register(1, Register.POSITION_MAX, 1e300)
    with pytest.raises(ProtocolError, match="a frame of 7 bytes"):
        protocol.parse_feedback(bytes(7), DM4310)
    with pytest.raises(ProtocolError, match="answers no register: 0x34"):
        protocol.parse_register_answer(bytes.fromhex("01 00 34 09 00 00 00 00"))


def test_infinity_is_the_end_of_the_range() -> None:
    frame = protocol.mit_command(1, MitCommand(math.inf, -math.inf, 1e9, 1e9, 1e9), DM4310)
    assert as_hex(frame) == "FF FF 00 0F FF FF FF FF"


# --- the other implementation


def vendor(model: str) -> Any:
    motor: Any = pytest.importorskip("damiao_motor").DaMiaoMotor
    return motor(3, 0x13, None, motor_type=model.removeprefix("DM"))


def test_our_ranges_are_those_of_the_other_implementation() -> None:
    for model, span in RANGES.items():
        other = cast("dict[str, Any]", vars(vendor(model)))
        ends = other["_p_max"], other["_v_max"], other["_t_max"]
        assert ends == (span.position_max_rad, span.velocity_max_rad_s, span.torque_max_nm)


@settings(deadline=None, max_examples=500)
@given(MODELS, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_commands_are_the_bytes_that_the_other_implementation_sends(
    model: str, p: float, v: float, kp: float, kd: float, t: float
) -> None:
    ours = protocol.mit_command(3, MitCommand(p, v, kp, kd, t), RANGES[model])
    assert ours.data == vendor(model).encode_cmd_msg(p, v, t, kp, kd)


@settings(deadline=None, max_examples=500)
@given(MODELS, st.binary(min_size=8, max_size=8))
def test_feedback_means_the_same_to_the_other_implementation(model: str, data: bytes) -> None:
    theirs = vendor(model).decode_sensor_feedback(data)
    told = protocol.parse_feedback(data, RANGES[model])
    assert (told.id_nibble, told.state) == (theirs["can_id"], theirs["status_code"])
    assert (told.position_rad, told.velocity_rad_s, told.torque_nm) == (theirs["pos"], theirs["vel"], theirs["torq"])
    assert (told.bridge_degc, told.rotor_degc) == (theirs["t_mos"], theirs["t_rotor"])


class SentBus:
    """Keeps what the other implementation sends."""

    def __init__(self) -> None:
        self.frames: list[CanFrame] = []

    def send(self, message: Any) -> None:
        self.frames.append(CanFrame(message.arbitration_id, bytes(message.data), message.is_extended_id))


def test_orders_and_questions_are_the_frames_that_the_other_implementation_sends() -> None:
    motor = vendor("DM4310")
    motor.bus = sent = SentBus()
    calls: list[tuple[Callable[[], object], CanFrame]] = [
        (motor.enable, protocol.order(3, protocol.ENABLE)),
        (motor.disable, protocol.order(3, protocol.DISABLE)),
        (motor.set_zero_position, protocol.order(3, protocol.ZERO)),
        (motor.clear_error, protocol.order(3, protocol.CLEAR)),
        (lambda: motor.request_register_reading(22), protocol.read_register(3, Register.VELOCITY_MAX)),
        (lambda: motor.set_can_timeout(400), protocol.write_register(3, Register.TIMEOUT, 8000)),
        (lambda: motor.set_torque_mapping_range(28), protocol.write_register(3, Register.TORQUE_MAX, 28.0)),
        (motor.store_parameters, protocol.save_registers(3)),
        (motor.request_motor_feedback, protocol.refresh(3)),
    ]
    for call, _ in calls:
        call()
    assert sent.frames == [frame for _, frame in calls]


def test_registers_are_whole_or_not_as_in_the_other_implementation() -> None:
    table: Any = pytest.importorskip("damiao_motor").REGISTER_TABLE
    common = {number for number in table if number in protocol.READABLE_REGISTERS}
    assert common == set(protocol.READABLE_REGISTERS)
    whole = {number for number in common if table[number].data_type == "uint32"}
    assert whole == protocol.WHOLE_REGISTERS


# --- any bytes


def is_within(told: Feedback | MitCommand, span: MitRange) -> bool:
    return abs(told.position_rad) <= span.position_max_rad and abs(told.velocity_rad_s) <= span.velocity_max_rad_s


def decode(data: bytes, span: MitRange) -> None:
    """Every decoder on any bytes: what is accepted is within its range, and stands in the bytes."""
    try:
        told = protocol.parse_feedback(data, span)
        command = protocol.parse_mit_command(data, span)
    except ProtocolError:
        assert len(data) != 8
        return
    assert len(data) == 8
    assert is_within(told, span)
    assert is_within(command, span)
    try:
        answer = protocol.parse_register_answer(data)
    except ProtocolError:
        assert data[2] not in {0x33, 0x55}
        return
    if not math.isnan(answer.value):
        assert protocol.register_answer(1, answer).data == data


@settings(deadline=None, max_examples=1000)
@given(st.binary(max_size=8), MODELS)
def test_any_bytes_are_understood_or_refused(data: bytes, model: str) -> None:
    decode(data, RANGES[model])


@pytest.mark.slow
def test_a_million_random_frames_are_understood_or_refused() -> None:
    drawn = random.Random(0)
    for _ in range(1_000_000):
        data = drawn.randbytes(drawn.choice((0, 3, 7, 8, 8, 8, 8)))
        try:
            decode(data, DM4310)
        except ForerunError as error:
            pytest.fail(f"{data.hex(' ')}: {error}")


@settings(deadline=None, max_examples=300)
@given(MODELS, st.binary(min_size=8, max_size=8))
def test_what_is_told_comes_back_within_a_step(model: str, data: bytes) -> None:
    span = RANGES[model]
    told = protocol.parse_feedback(data, span)
    back = protocol.parse_feedback(protocol.feedback(0x13, told, span).data, span)
    assert back.position_rad == pytest.approx(told.position_rad, abs=2.1 * span.position_max_rad / 65535)
    assert back.torque_nm == pytest.approx(told.torque_nm, abs=2.1 * span.torque_max_nm / 4095)
    assert (back.state, back.id_nibble, back.bridge_degc) == (told.state, told.id_nibble, told.bridge_degc)


def test_a_register_answer_comes_back() -> None:
    answer = RegisterAnswer(7, protocol.READ, Register.TIMEOUT, 8000)
    assert protocol.parse_register_answer(protocol.register_answer(0x17, answer).data) == answer
