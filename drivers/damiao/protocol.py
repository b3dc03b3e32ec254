"""Frames of Damiao motors on CAN: values to 8 bytes and back, no input or output.

    to the motor's own id     p[15:8] p[7:0] v[11:4] v[3:0]kp[11:8] kp[7:0] kd[11:4] kd[3:0]t[11:8] t[7:0]   MIT command
                              FF FF FF FF FF FF FF xx    xx = FC enable, FD disable, FE zero here, FB clear errors
    to 7FF                    id-low id-high op register value[4]   op = 33 read, 55 write, AA save, CC tell your state
    from the feedback id      state<<4|id p[15:8] p[7:0] v[11:4] v[3:0]t[11:8] t[7:0] degC of the bridge, degC of the rotor
                              id-low id-high op register value[4]   to 33 and 55

A motor answers every frame once, whether its torque is on or not. In MIT mode its torque is
kp (position - own position) + kd (velocity - own velocity) + torque.

What is packed runs over +-range in 2^bits - 1 steps and is cut down to a whole one, as the maker's own programs do; values
outside the range are sent as its ends. An answer to a register cannot be told from the feedback of a disabled motor that
stands within 0.2 rad of the lower end of its range: nobody asks for registers while such feedback may come.

Sources: Damiao, DM-J4310-2EC manual V1.1, "CAN control commands" and register table; the maker's table of ranges ("Limit_Param"
of its SDK), as in damiao-motor 1.0.6, which emits the same bytes. Register 9, the time-out, counts 50 us by the manual and
damiao-motor; i2rt's set_timeout.py takes the same count for 100 us (4000 for "400 ms"): there the motor waits twice as long.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from enum import IntEnum

from drivers.can.port import CanFrame
from interfaces.errors import ProtocolError

REGISTER_ID = 0x7FF
FRAME_BYTES = 8
TIMEOUT_UNIT_NS = 50_000
MIT_MODE = 1
STIFFNESS_MAX_NM_RAD = 500.0
DAMPING_MAX_NM_S_RAD = 5.0
POSITION_STEPS = (1 << 16) - 1
FINE_STEPS = (1 << 12) - 1

READ, WRITE, SAVE, REFRESH = 0x33, 0x55, 0xAA, 0xCC
_ORDER = b"\xff" * 7
ENABLE, DISABLE, ZERO, CLEAR = (_ORDER + bytes((code,)) for code in (0xFC, 0xFD, 0xFE, 0xFB))


@dataclass(frozen=True, slots=True, kw_only=True)
class MitRange:
    """What the ends of the packed numbers mean: the motor's registers 21 to 23."""

    position_max_rad: float
    velocity_max_rad_s: float
    torque_max_nm: float


RANGES = {
    "DM4310": MitRange(position_max_rad=12.5, velocity_max_rad_s=30.0, torque_max_nm=10.0),
    "DM4340": MitRange(position_max_rad=12.5, velocity_max_rad_s=10.0, torque_max_nm=28.0),
    "DM6006": MitRange(position_max_rad=12.5, velocity_max_rad_s=45.0, torque_max_nm=20.0),
    "DM8006": MitRange(position_max_rad=12.5, velocity_max_rad_s=45.0, torque_max_nm=40.0),
    "DM8009": MitRange(position_max_rad=12.5, velocity_max_rad_s=45.0, torque_max_nm=54.0),
    "DM10010": MitRange(position_max_rad=12.5, velocity_max_rad_s=20.0, torque_max_nm=200.0),
}


class MotorState(IntEnum):
    """The upper half of a feedback frame's first byte."""

    DISABLED = 0x0
    ENABLED = 0x1
    OVER_VOLTAGE = 0x8
    UNDER_VOLTAGE = 0x9
    OVER_CURRENT = 0xA
    BRIDGE_OVERHEAT = 0xB
    ROTOR_OVERHEAT = 0xC
    LOST_COMMUNICATION = 0xD  # nobody commanded it for longer than its time-out
    OVERLOAD = 0xE


def state_name(state: int) -> str:
    """Return a state for people: "rotor overheat"."""
    known = state in MotorState.__members__.values()
    return MotorState(state).name.lower().replace("_", " ") if known else f"unknown state {state:#x}"


class Register(IntEnum):
    """Registers that are used here; the maker's table goes to 81."""

    UNDER_VOLTAGE_V = 0
    OVERHEAT_DEGC = 2
    FEEDBACK_ID = 7
    MOTOR_ID = 8
    TIMEOUT = 9
    CONTROL_MODE = 10
    HARDWARE_VERSION = 13
    SOFTWARE_VERSION = 14
    SERIAL_NUMBER = 15
    POSITION_MAX = 21
    VELOCITY_MAX = 22
    TORQUE_MAX = 23
    OVER_VOLTAGE_V = 29
    SUB_VERSION = 36


WHOLE_REGISTERS = frozenset((7, 8, 9, 10, 13, 14, 15, 16, 35, 36))  # u32; all others are f32
READABLE_REGISTERS = (*range(37), *range(50, 56), 80, 81)


@dataclass(frozen=True, slots=True)
class MitCommand:
    """A spring and a damper around a moving target, and a torque on top."""

    position_rad: float
    velocity_rad_s: float
    stiffness_nm_rad: float
    damping_nm_s_rad: float
    torque_nm: float


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a motor says of itself; `id_nibble` is the lower half of its id."""

    id_nibble: int
    state: int  # a MotorState, or a number the maker does not explain
    position_rad: float
    velocity_rad_s: float
    torque_nm: float
    bridge_degc: int
    rotor_degc: int


@dataclass(frozen=True, slots=True)
class RegisterAnswer:
    """The answer to a read or a write of one register."""

    motor_id: int
    operation: int
    register: int
    value: int | float  # whole for WHOLE_REGISTERS


def pack(value: float, low: float, high: float, steps: int) -> int:
    """Return a value as a count of 0..steps over low..high; not-a-number is refused with ProtocolError."""
    if math.isnan(value):
        raise ProtocolError("not a number cannot be packed")
    return int((min(max(value, low), high) - low) * steps / (high - low))


def unpack(count: int, low: float, high: float, steps: int) -> float:
    """Return the value of a count."""
    return count * (high - low) / steps + low


def mit_command(motor_id: int, command: MitCommand, span: MitRange) -> CanFrame:
    """Return the frame that commands one motor."""
    p_max, v_max, t_max = span.position_max_rad, span.velocity_max_rad_s, span.torque_max_nm
    p = pack(command.position_rad, -p_max, p_max, POSITION_STEPS)
    v = pack(command.velocity_rad_s, -v_max, v_max, FINE_STEPS)
    kp = pack(command.stiffness_nm_rad, 0.0, STIFFNESS_MAX_NM_RAD, FINE_STEPS)
    kd = pack(command.damping_nm_s_rad, 0.0, DAMPING_MAX_NM_S_RAD, FINE_STEPS)
    t = pack(command.torque_nm, -t_max, t_max, FINE_STEPS)
    return CanFrame(motor_id, (p << 48 | v << 36 | kp << 24 | kd << 12 | t).to_bytes(FRAME_BYTES, "big"))


def parse_mit_command(data: bytes, span: MitRange) -> MitCommand:
    """Return what a motor is told; raises ProtocolError unless it is 8 bytes."""
    word = _word(data)
    p_max, v_max, t_max = span.position_max_rad, span.velocity_max_rad_s, span.torque_max_nm
    return MitCommand(
        position_rad=unpack(word >> 48, -p_max, p_max, POSITION_STEPS),
        velocity_rad_s=unpack(word >> 36 & 0xFFF, -v_max, v_max, FINE_STEPS),
        stiffness_nm_rad=unpack(word >> 24 & 0xFFF, 0.0, STIFFNESS_MAX_NM_RAD, FINE_STEPS),
        damping_nm_s_rad=unpack(word >> 12 & 0xFFF, 0.0, DAMPING_MAX_NM_S_RAD, FINE_STEPS),
        torque_nm=unpack(word & 0xFFF, -t_max, t_max, FINE_STEPS),
    )


def feedback(feedback_id: int, told: Feedback, span: MitRange) -> CanFrame:
    """Return the frame a motor answers with."""
    p = pack(told.position_rad, -span.position_max_rad, span.position_max_rad, POSITION_STEPS)
    v = pack(told.velocity_rad_s, -span.velocity_max_rad_s, span.velocity_max_rad_s, FINE_STEPS)
    t = pack(told.torque_nm, -span.torque_max_nm, span.torque_max_nm, FINE_STEPS)
    head = (told.state & 0xF) << 4 | told.id_nibble & 0xF
    word = head << 56 | p << 40 | v << 28 | t << 16 | (told.bridge_degc & 0xFF) << 8 | told.rotor_degc & 0xFF
    return CanFrame(feedback_id, word.to_bytes(FRAME_BYTES, "big"))


def parse_feedback(data: bytes, span: MitRange) -> Feedback:
    """Return what a motor says of itself; raises ProtocolError unless it is 8 bytes."""
    word = _word(data)
    p_max, v_max, t_max = span.position_max_rad, span.velocity_max_rad_s, span.torque_max_nm
    return Feedback(
        id_nibble=word >> 56 & 0xF,
        state=word >> 60,
        position_rad=unpack(word >> 40 & 0xFFFF, -p_max, p_max, POSITION_STEPS),
        velocity_rad_s=unpack(word >> 28 & 0xFFF, -v_max, v_max, FINE_STEPS),
        torque_nm=unpack(word >> 16 & 0xFFF, -t_max, t_max, FINE_STEPS),
        bridge_degc=word >> 8 & 0xFF,
        rotor_degc=word & 0xFF,
    )


def order(motor_id: int, code: bytes) -> CanFrame:
    """Return an order to one motor: ENABLE, DISABLE, ZERO or CLEAR."""
    return CanFrame(motor_id, code)


def refresh(motor_id: int) -> CanFrame:
    """Return the question for a motor's feedback, which commands nothing."""
    return CanFrame(REGISTER_ID, struct.pack("<HBB4x", motor_id, REFRESH, 0))


def read_register(motor_id: int, register: int) -> CanFrame:
    """Return the question for one register."""
    return CanFrame(REGISTER_ID, struct.pack("<HBB4x", motor_id, READ, register))


def write_register(motor_id: int, register: int, value: float) -> CanFrame:
    """Return the order to set one register, in working memory: it lasts until the power goes."""
    return CanFrame(REGISTER_ID, struct.pack("<HBB", motor_id, WRITE, register) + register_bytes(register, value))


def save_registers(motor_id: int) -> CanFrame:
    """Return the order to keep all registers over the power; the maker takes it from disabled motors only."""
    return CanFrame(REGISTER_ID, struct.pack("<HBB4x", motor_id, SAVE, 1))


def register_answer(feedback_id: int, answer: RegisterAnswer) -> CanFrame:
    """Return the frame a motor answers a read or a write with."""
    head = struct.pack("<HBB", answer.motor_id, answer.operation, answer.register)
    return CanFrame(feedback_id, head + register_bytes(answer.register, answer.value))


def parse_register_answer(data: bytes) -> RegisterAnswer:
    """Return the answer to a read or a write; raises ProtocolError where it is none."""
    _word(data)
    motor_id, operation, register = struct.unpack("<HBB", data[:4])
    if operation not in (READ, WRITE):
        raise ProtocolError(f"{data.hex(' ')} answers no register: {operation:#04x} instead of 0x33 or 0x55")
    return RegisterAnswer(motor_id, operation, register, parse_register_bytes(register, data[4:]))


def register_bytes(register: int, value: float) -> bytes:
    """Return a register's 4 bytes; raises ProtocolError when the value does not fit."""
    try:
        return struct.pack("<I", int(value)) if register in WHOLE_REGISTERS else struct.pack("<f", value)
    except (struct.error, OverflowError, ValueError) as error:
        raise ProtocolError(f"{value} does not fit into register {register}: {error}") from error


def parse_register_bytes(register: int, data: bytes) -> float:
    """Return the value of a register's 4 bytes."""
    return struct.unpack("<I" if register in WHOLE_REGISTERS else "<f", data)[0]


def _word(data: bytes) -> int:
    if len(data) != FRAME_BYTES:
        raise ProtocolError(f"a frame of {len(data)} bytes; those of a motor have {FRAME_BYTES}")
    return int.from_bytes(data, "big")
