"""Frames against the published example and the message files of odrive-can, both ways; the decoders against garbage.

The file of 0.5.6 gives the motor's errors 32 bits and names 36 of them; the firmware sends 64. We do not read them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import cantools.database
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.can.port import CanFrame
from drivers.odrive import protocol
from drivers.odrive.protocol import (
    AxisError,
    AxisState,
    Command,
    ControlMode,
    Generation,
    Heartbeat,
    InputMode,
    OldAxisError,
    error_names,
)
from interfaces.errors import ProtocolError

# Its package asks for Python 3.11; the frames are the same under every Python.
get_dbc_path: Any = pytest.importorskip("odrive_can.utils").get_dbc_path
FILES: dict[Generation, Any] = {
    Generation.V0_5: cantools.database.load_file(get_dbc_path("odrive-cansimple-0.5.6")),
    Generation.V0_6: cantools.database.load_file(get_dbc_path("odrive-cansimple-0.6.10")),
}
ERROR_KINDS: dict[Generation, type[AxisError | OldAxisError]] = {
    Generation.V0_5: OldAxisError,
    Generation.V0_6: AxisError,
}
generations = st.sampled_from(list(Generation))
axes = st.integers(0, 7)  # the files know eight
floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
words = st.integers(0, 2**32 - 1)
small = st.floats(-32.0, 32.0)


def theirs(generation: Generation, axis: int, name: str, values: dict[str, Any]) -> CanFrame:
    """Return a frame as the referee encodes it."""
    message = FILES[generation].get_message_by_name(f"Axis{axis}_{name}")
    return CanFrame(message.frame_id, bytes(message.encode(values, strict=False)))


def read_by_them(generation: Generation, frame: CanFrame) -> dict[str, Any]:
    """Return the signals of one of our frames as the referee decodes it."""
    message = FILES[generation].get_message_by_frame_id(frame.can_id)
    return message.decode(frame.data, decode_choices=False)


def test_the_published_example() -> None:
    frame = protocol.set_input_position(0, 1.5, 0.25, -0.1)
    assert frame == CanFrame(0x00C, bytes.fromhex("0000C03FFA009CFF"))
    assert protocol.set_input_position(3, 1.5, 0.25, -0.1).can_id == 0x06C


@given(generation=generations, axis=axes, turns=floats, turns_s=small, torque_nm=small)
@settings(deadline=None)
def test_a_target_is_what_the_file_says(
    generation: Generation, axis: int, turns: float, turns_s: float, torque_nm: float
) -> None:
    read = read_by_them(generation, protocol.set_input_position(axis, turns, turns_s, torque_nm))
    assert read["Input_Pos"] == turns
    assert read["Vel_FF"] == pytest.approx(turns_s, abs=0.00051)
    assert read["Torque_FF"] == pytest.approx(torque_nm, abs=0.00051)


PAIRS: list[tuple[Callable[[int, float, float], CanFrame], str, str]] = [
    (protocol.set_input_velocity, "Input_Vel", "Input_Torque_FF"),
    (protocol.set_limits, "Velocity_Limit", "Current_Limit"),
]


@pytest.mark.parametrize(("build", "first", "second"), PAIRS)
@given(generation=generations, axis=axes, values=st.tuples(floats, floats))
@settings(deadline=None)
def test_two_numbers_are_where_the_file_says(
    build: Callable[[int, float, float], CanFrame],
    first: str,
    second: str,
    generation: Generation,
    axis: int,
    values: tuple[float, float],
) -> None:
    read = read_by_them(generation, build(axis, *values))
    assert (read[first], read[second]) == values


@given(generation=generations, axis=axes, torque_nm=floats)
@settings(deadline=None)
def test_a_torque_is_what_the_file_says(generation: Generation, axis: int, torque_nm: float) -> None:
    frame = protocol.set_input_torque(
        axis, torque_nm
    )  # the file pads it to eight bytes, the axis does not ask for them
    assert read_by_them(generation, CanFrame(frame.can_id, frame.data.ljust(8, b"\0")))["Input_Torque"] == torque_nm


@pytest.mark.parametrize("generation", Generation)
@pytest.mark.parametrize("axis", range(8))
def test_states_modes_and_bare_orders_are_what_the_file_says(generation: Generation, axis: int) -> None:
    states = {"Axis_Requested_State": "CLOSED_LOOP_CONTROL"}
    assert theirs(generation, axis, "Set_Axis_State", states).data[:4] == (
        protocol.set_axis_state(axis, AxisState.CLOSED_LOOP_CONTROL).data
    )
    modes = {"Control_Mode": "POSITION_CONTROL", "Input_Mode": "PASSTHROUGH"}
    assert theirs(generation, axis, "Set_Controller_Mode", modes) == (
        protocol.set_controller_mode(axis, ControlMode.POSITION, InputMode.PASSTHROUGH)
    )
    for frame, name in ((protocol.clear_errors(axis), "Clear_Errors"), (protocol.reboot(axis), "Reboot")):
        assert frame.can_id == FILES[generation].get_message_by_name(f"Axis{axis}_{name}").frame_id
    assert protocol.estop(axis).can_id == FILES[Generation.V0_6].get_message_by_name(f"Axis{axis}_Estop").frame_id


ANSWERS = [
    (Command.ESTIMATES, "Get_Encoder_Estimates", ("Pos_Estimate", "Vel_Estimate"), list(Generation)),
    (Command.IQ, "Get_Iq", ("Iq_Setpoint", "Iq_Measured"), list(Generation)),
    (Command.BUS, "Get_Bus_Voltage_Current", ("Bus_Voltage", "Bus_Current"), list(Generation)),
    (Command.TEMPERATURE, "Get_Temperature", ("FET_Temperature", "Motor_Temperature"), [Generation.V0_6]),
    (Command.TORQUES, "Get_Torques", ("Torque_Target", "Torque_Estimate"), [Generation.V0_6]),
]


@pytest.mark.parametrize(("command", "name", "signals", "spoken"), ANSWERS)
@given(axis=axes, values=st.tuples(floats, floats))
@settings(deadline=None)
def test_answers_are_read_as_the_file_writes_them(
    command: Command,
    name: str,
    signals: tuple[str, str],
    spoken: list[Generation],
    axis: int,
    values: tuple[float, float],
) -> None:
    for generation in spoken:
        frame = theirs(generation, axis, name, dict(zip(signals, values, strict=True)))
        assert protocol.split_id(frame.can_id) == (axis, command)
        assert protocol.ask(axis, command) == CanFrame(frame.can_id, remote=True)
        assert protocol.decode_pair(frame.data) == values


@given(axis=axes, errors=words, state=st.integers(0, 255), flag=st.integers(0, 1))
@settings(deadline=None)
def test_heartbeats_are_read_as_the_files_write_them(axis: int, errors: int, state: int, flag: int) -> None:
    common = {"Axis_Error": errors, "Axis_State": state, "Trajectory_Done_Flag": flag}
    new = theirs(Generation.V0_6, axis, "Heartbeat", {**common, "Procedure_Result": 3})
    flags = dict.fromkeys(("Motor_Error_Flag", "Encoder_Error_Flag", "Controller_Error_Flag"), flag)
    old = theirs(Generation.V0_5, axis, "Heartbeat", {**common, **flags})
    assert protocol.decode_heartbeat(new.data) == protocol.decode_heartbeat(old.data) == Heartbeat(errors, state)


@given(active=words, reason=words, version=st.lists(st.integers(0, 255), min_size=8, max_size=8))
@settings(deadline=None)
def test_errors_and_version_are_read_as_the_file_writes_them(active: int, reason: int, version: list[int]) -> None:
    frame = theirs(Generation.V0_6, 5, "Get_Error", {"Active_Errors": active, "Disarm_Reason": reason})
    assert protocol.decode_errors(frame.data) == (active, reason)
    names = ("Protocol_Version", "Hw_Version_Major", "Hw_Version_Minor", "Hw_Version_Variant", "Fw_Version_Major")
    names += ("Fw_Version_Minor", "Fw_Version_Revision", "Fw_Version_Unreleased")
    read = protocol.decode_version(
        theirs(Generation.V0_6, 5, "Get_Version", dict(zip(names, version, strict=True))).data
    )
    assert read.firmware == tuple(version[4:7])
    assert read.protocol == version[0]


@pytest.mark.parametrize("generation", Generation)
def test_error_bits_have_the_files_names(generation: Generation) -> None:
    (signal,) = (s for s in FILES[generation].get_message_by_name("Axis0_Heartbeat").signals if s.name == "Axis_Error")
    known = {str(name): value for value, name in signal.choices.items() if value}
    assert known == {str(flag.name): flag.value for flag in ERROR_KINDS[generation]}


def test_errors_are_told_in_words() -> None:
    assert error_names(0x1000100, Generation.V0_6) == "dc bus over voltage, watchdog timer expired"
    assert error_names(0x840, Generation.V0_5) == "motor failed, watchdog timer expired"
    assert error_names(0x80000002, Generation.V0_6) == "system level, unknown bits 0x80000000"
    assert error_names(0, Generation.V0_6) == "no error"


@given(data=st.binary(max_size=8))
def test_whatever_comes_is_decoded_or_refused(data: bytes) -> None:
    decode_anything(data)


def decode_anything(data: bytes) -> None:
    decoders: list[Callable[[bytes], object]] = [
        protocol.decode_heartbeat,
        protocol.decode_version,
        protocol.decode_errors,
        protocol.decode_pair,
    ]
    for decode in decoders:
        if len(data) == 8:
            decode(data)
        else:
            with pytest.raises(ProtocolError, match=f"of {len(data)} bytes"):
                decode(data)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e39])
def test_what_is_no_number_is_not_told(value: float) -> None:
    with pytest.raises(ProtocolError, match="cannot be told"):
        protocol.set_input_position(0, value)
    with pytest.raises(ProtocolError, match="cannot be told"):
        protocol.set_limits(0, 1.0, value)


def test_a_feed_forward_beyond_its_range_is_clipped() -> None:
    assert read_by_them(Generation.V0_6, protocol.set_input_position(0, 0.0, 1e6, -1e6)) == pytest.approx(
        {"Input_Pos": 0, "Vel_FF": 32.767, "Torque_FF": -32.767}
    )


@pytest.mark.parametrize("node_id", [-1, 63, 64])
def test_an_axis_that_cannot_be_is_refused(node_id: int) -> None:
    with pytest.raises(ProtocolError, match=r"ids of axes are 0..62"):
        protocol.ask(node_id, Command.BUS)
