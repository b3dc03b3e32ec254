"""Frames of ODrive's CANSimple: values to frames and back, no input or output.

    id     axis (6 bits) << 5 | command (5 bits), always 11 bits
    data   little endian; positions in turns of the motor, velocities in turns/s

What an axis tells is asked for with a remote frame of the same id; it answers with a data frame of that id. The heartbeat
comes by itself, every 100 ms unless the maker's tool says otherwise.

Two generations of firmware differ in what they tell: 0.6 answers `VERSION`, has one field of errors, temperatures at 0x15 and
torques at 0x1C. 0.5 has an error field of the axis alone in its heartbeat, other things at 0x15 (sensorless estimates) and
0x1C (a voltage of a pin), and tells its own version to nobody, so silence is how it is known.

The watchdog of an axis, where the maker's tool has enabled it, is fed by any frame to the axis in firmware 0.5, by every
Set_Input_* in 0.6; CANSimple itself can neither set nor read it.

Source: ODrive documentation, "CAN Protocol", of both generations; the message files of odrive-can 2.1.0 agree.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag

from drivers.can.port import CanFrame
from interfaces.errors import ProtocolError

NODE_MAX = 62  # 63 is a device that has no id yet
COMMAND_BITS = 5
ANSWER_BYTES = 8
FEED_FORWARD_UNIT = 0.001  # turns/s and Nm a count of Set_Input_Pos, the factory's `input_vel_scale` of 1000
FEED_FORWARD_MAX = 32767
FLOAT_MAX = 3.4028234663852886e38  # of single precision

_U32 = struct.Struct("<I")
_TWO_U32 = struct.Struct("<II")
_TWO_FLOATS = struct.Struct("<ff")
_INPUT_POSITION = struct.Struct("<fhh")
_HEARTBEAT = struct.Struct("<IB3B")
_VERSION = struct.Struct("<8B")


class Command(IntEnum):
    """The lower five bits of an id."""

    VERSION = 0x00
    HEARTBEAT = 0x01
    ESTOP = 0x02
    ERROR = 0x03  # 0.5: of the motor
    ADDRESS = 0x06  # 0.6.10; in older firmware 0x06 gives the axis another id, so they are never sent it
    SET_AXIS_STATE = 0x07
    ESTIMATES = 0x09
    SET_CONTROLLER_MODE = 0x0B
    SET_INPUT_POSITION = 0x0C
    SET_INPUT_VELOCITY = 0x0D
    SET_INPUT_TORQUE = 0x0E
    SET_LIMITS = 0x0F
    IQ = 0x14
    TEMPERATURE = 0x15  # 0.6 only
    REBOOT = 0x16
    BUS = 0x17
    CLEAR_ERRORS = 0x18
    TORQUES = 0x1C  # 0.6 only


class Generation(IntEnum):
    """The firmware's, by its minor version."""

    V0_5 = 5
    V0_6 = 6


class AxisState(IntEnum):
    """What an axis does; only those that matter here."""

    UNDEFINED = 0
    IDLE = 1
    CLOSED_LOOP_CONTROL = 8


class ControlMode(IntEnum):
    """What the controller controls."""

    VOLTAGE = 0
    TORQUE = 1
    VELOCITY = 2
    POSITION = 3


class InputMode(IntEnum):
    """What is done to an input before the controller has it; only those that matter here."""

    INACTIVE = 0
    PASSTHROUGH = 1


class AxisError(IntFlag):
    """Active errors, and reasons for disarming, of firmware 0.6."""

    INITIALIZING = 0x1
    SYSTEM_LEVEL = 0x2
    TIMING_ERROR = 0x4
    MISSING_ESTIMATE = 0x8
    BAD_CONFIG = 0x10
    DRV_FAULT = 0x20
    MISSING_INPUT = 0x40
    DC_BUS_OVER_VOLTAGE = 0x100
    DC_BUS_UNDER_VOLTAGE = 0x200
    DC_BUS_OVER_CURRENT = 0x400
    DC_BUS_OVER_REGEN_CURRENT = 0x800
    CURRENT_LIMIT_VIOLATION = 0x1000
    MOTOR_OVER_TEMP = 0x2000
    INVERTER_OVER_TEMP = 0x4000
    VELOCITY_LIMIT_VIOLATION = 0x8000
    POSITION_LIMIT_VIOLATION = 0x10000
    WATCHDOG_TIMER_EXPIRED = 0x1000000
    ESTOP_REQUESTED = 0x2000000
    SPINOUT_DETECTED = 0x4000000
    BRAKE_RESISTOR_DISARMED = 0x8000000
    THERMISTOR_DISCONNECTED = 0x10000000
    CALIBRATION_ERROR = 0x40000000


class OldAxisError(IntFlag):
    """Errors of the axis in firmware 0.5; motor, encoder and controller have fields of their own."""

    INVALID_STATE = 0x1
    MOTOR_FAILED = 0x40
    SENSORLESS_ESTIMATOR_FAILED = 0x80
    ENCODER_FAILED = 0x100
    CONTROLLER_FAILED = 0x200
    WATCHDOG_TIMER_EXPIRED = 0x800
    MIN_ENDSTOP_PRESSED = 0x1000
    MAX_ENDSTOP_PRESSED = 0x2000
    ESTOP_REQUESTED = 0x4000
    HOMING_WITHOUT_ENDSTOP = 0x20000
    OVER_TEMP = 0x40000
    UNKNOWN_POSITION = 0x80000


_ERRORS: dict[Generation, type[AxisError | OldAxisError]] = {
    Generation.V0_5: OldAxisError,
    Generation.V0_6: AxisError,
}


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What an axis tells by itself."""

    errors: int  # bits of AxisError or OldAxisError
    state: int  # an AxisState, or one of the calibrations


@dataclass(frozen=True, slots=True)
class Version:
    """Answer to VERSION, of firmware 0.6 and newer."""

    protocol: int
    hardware: tuple[int, int, int]
    firmware: tuple[int, int, int]


def error_names(errors: int, generation: Generation) -> str:
    """Return the errors in a field, for people: "motor over temp, estop requested"."""
    known = _ERRORS[generation]
    names = [str(flag.name).lower().replace("_", " ") for flag in known if errors & flag]
    unknown = errors & ~sum(known)
    return ", ".join([*names, f"unknown bits {unknown:#x}"] if unknown else names) or "no error"


def message_id(node_id: int, command: int) -> int:
    """Return the id of a message; raises ProtocolError where there is no such axis."""
    if not 0 <= node_id <= NODE_MAX:
        raise ProtocolError(f"axis {node_id}; ids of axes are 0..{NODE_MAX}")
    return node_id << COMMAND_BITS | command


def split_id(can_id: int) -> tuple[int, int]:
    """Return axis and command of an id."""
    return can_id >> COMMAND_BITS, can_id & (1 << COMMAND_BITS) - 1


def ask(node_id: int, command: Command) -> CanFrame:
    """Return the question for what `command` tells."""
    return CanFrame(message_id(node_id, command), remote=True)


def estop(node_id: int) -> CanFrame:
    """Return the order to let go at once, with an error that must be cleared."""
    return CanFrame(message_id(node_id, Command.ESTOP))


def clear_errors(node_id: int) -> CanFrame:
    """Return the order to forget errors; the one byte, "flash a lamp", is read by 0.6 only."""
    return CanFrame(message_id(node_id, Command.CLEAR_ERRORS), b"\x00")


def reboot(node_id: int) -> CanFrame:
    """Return the order to start the firmware anew; the one byte, "reboot", is read by 0.6 only."""
    return CanFrame(message_id(node_id, Command.REBOOT), b"\x00")


def set_axis_state(node_id: int, state: AxisState) -> CanFrame:
    """Return the order to change to a state."""
    return CanFrame(message_id(node_id, Command.SET_AXIS_STATE), _U32.pack(state))


def set_controller_mode(node_id: int, control: ControlMode, input_mode: InputMode) -> CanFrame:
    """Return the order to control one thing, with inputs taken in one way."""
    return CanFrame(message_id(node_id, Command.SET_CONTROLLER_MODE), _TWO_U32.pack(control, input_mode))


def set_input_position(node_id: int, turns: float, turns_s: float = 0.0, torque_nm: float = 0.0) -> CanFrame:
    """Return a target, with velocity and torque fed forward; these are clipped to what 16 bits of 0.001 hold."""
    data = _INPUT_POSITION.pack(_float(turns), _feed_forward(turns_s), _feed_forward(torque_nm))
    return CanFrame(message_id(node_id, Command.SET_INPUT_POSITION), data)


def set_input_velocity(node_id: int, turns_s: float, torque_nm: float = 0.0) -> CanFrame:
    """Return a target of velocity, with a torque fed forward."""
    data = _TWO_FLOATS.pack(_float(turns_s), _float(torque_nm))
    return CanFrame(message_id(node_id, Command.SET_INPUT_VELOCITY), data)


def set_input_torque(node_id: int, torque_nm: float) -> CanFrame:
    """Return a target of torque."""
    return CanFrame(message_id(node_id, Command.SET_INPUT_TORQUE), struct.pack("<f", _float(torque_nm)))


def set_limits(node_id: int, turns_s: float, current_a: float) -> CanFrame:
    """Return the order to limit velocity and current; kept until the power goes."""
    data = _TWO_FLOATS.pack(_float(turns_s), _float(current_a))
    return CanFrame(message_id(node_id, Command.SET_LIMITS), data)


def decode_heartbeat(data: bytes) -> Heartbeat:
    """Return what both generations tell in a heartbeat; raises ProtocolError where it is none."""
    errors, state, *_ = _HEARTBEAT.unpack(_exactly(data, "a heartbeat"))
    return Heartbeat(errors, state)


def decode_version(data: bytes) -> Version:
    """Return the answer to VERSION."""
    version = _VERSION.unpack(_exactly(data, "a version"))
    return Version(version[0], version[1:4], version[4:7])


def decode_address(data: bytes) -> tuple[int, int]:
    """Return id and serial number, 48 bits, of the answer to ADDRESS."""
    address = _exactly(data, "an address")
    return address[0], int.from_bytes(address[1:7], "little")


def decode_errors(data: bytes) -> tuple[int, int]:
    """Return active errors and the reason for disarming, of firmware 0.6."""
    active, reason = _TWO_U32.unpack(_exactly(data, "errors"))
    return active, reason


def decode_pair(data: bytes) -> tuple[float, float]:
    """Return the two numbers of an answer; raises ProtocolError where they are none.

    ESTIMATES: turns, turns/s. IQ: target, measured (A). TEMPERATURE: inverter, motor (degC). BUS: volt, ampere. TORQUES: target,
    estimate (Nm). A temperature is NaN where no sensor is fitted; any other NaN is an axis that does not know.
    """
    first, second = _TWO_FLOATS.unpack(_exactly(data, "two numbers"))
    return first, second


def _exactly(data: bytes, what: str) -> bytes:
    if len(data) != ANSWER_BYTES:
        raise ProtocolError(f"{what} of {len(data)} bytes; it has {ANSWER_BYTES}")
    return data


def _float(value: float) -> float:
    if not math.isfinite(value) or abs(value) > FLOAT_MAX:
        raise ProtocolError(f"{value} cannot be told to an axis")
    return value


def _feed_forward(value: float) -> int:
    return max(-FEED_FORWARD_MAX, min(FEED_FORWARD_MAX, round(_float(value) / FEED_FORWARD_UNIT)))
