"""Frames of RobStride motors on CAN, the maker's "private protocol": values to 29-bit identifier and 8 bytes, and back. Pure.

    identifier   kind << 24 | what << 8 | who it is for
    to a motor   0 who        what = host
                 1 control    what = torque             position, velocity, stiffness, damping: 16 bits each, big endian
                 3 enable     what = host
                 4 stop       what = host               first byte 1: clear faults as well
                 17 read      what = host               index[2] 0 0 0 0 0 0, little endian
                 18 write     what = host               index[2] 0 0 value[4], little endian
    to the host  2 feedback   mode<<14|faults<<8|motor  position, velocity, torque, degC * 10: 16 bits each, big endian
                 17           what = motor              index[2] 0 0 value[4]
                 0            what = motor              the number of its processor, 64 bits

A motor answers 17 with 17, to the very host that asked, 0 with 0, to FE whoever asked, and everything else with its feedback.
In control its torque is stiffness (position - own position) + damping (velocity - own velocity) + torque.

Sources: CyberGear manual, section 4.1 (in English: belovictor/cybergear-docs); indices and ranges of the RS motors as in
robstride-dynamics 0.0.1. That package packs +-range in 2 * 32767 steps where the manual says 65535: 0.4 mrad at the upper end. The
manual is followed. That the time-out counts 20 000 a second is the RS manuals' word, and nobody else's.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import NamedTuple

from drivers.can.port import CanFrame
from interfaces.errors import ProtocolError

FRAME_BYTES = 8
IDENTITY_HOST = 0xFE  # to whom a motor says who it is
STEPS = 0xFFFF
TIMEOUT_UNIT_NS = 50_000


class Kind(IntEnum):
    """The upper five bits of an identifier."""

    IDENTITY = 0
    CONTROL = 1
    FEEDBACK = 2
    ENABLE = 3
    STOP = 4
    READ = 17
    WRITE = 18


class Mode(IntEnum):
    """What a motor does."""

    RESET = 0  # no torque
    CALIBRATION = 1
    RUN = 2


class Fault(IntFlag):
    """What a motor says is wrong."""

    UNDERVOLTAGE = 0x01
    OVERCURRENT = 0x02
    OVERHEAT = 0x04
    ENCODER = 0x08
    STALL = 0x10
    UNCALIBRATED = 0x20


class Parameter(IntEnum):
    """Indices that are used here, of four bytes each."""

    RUN_MODE = 0x7005  # whole: 0 is control
    TORQUE_LIMIT_NM = 0x700B
    SUPPLY_V = 0x701C
    TIMEOUT = 0x7028  # whole, TIMEOUT_UNIT_NS; 0 never


_WHOLE = frozenset((Parameter.RUN_MODE, Parameter.TIMEOUT))


@dataclass(frozen=True, slots=True)
class Span:
    """What the ends of the packed numbers mean."""

    velocity_max_rad_s: float
    torque_max_nm: float
    stiffness_max_nm_rad: float = 500.0
    damping_max_nm_s_rad: float = 5.0
    position_max_rad: float = 4 * math.pi


SPANS = {
    "RS00": Span(50.0, 17.0),
    "RS01": Span(44.0, 17.0),
    "RS02": Span(44.0, 17.0),
    "RS03": Span(50.0, 60.0, 5000.0, 100.0),
    "RS04": Span(15.0, 120.0, 5000.0, 100.0),
    "RS05": Span(33.0, 17.0),
    "RS06": Span(20.0, 60.0, 5000.0, 100.0),
}


class Control(NamedTuple):
    """A spring and a damper around a moving target, and a torque on top."""

    position_rad: float
    velocity_rad_s: float
    stiffness_nm_rad: float
    damping_nm_s_rad: float
    torque_nm: float


class Feedback(NamedTuple):
    """What a motor says of itself."""

    motor_id: int
    mode: int
    faults: int
    position_rad: float
    velocity_rad_s: float
    torque_nm: float
    temperature_degc: float


def fault_names(faults: int) -> str:
    """Return faults for people: "overheat, stall"."""
    return ", ".join(str(fault.name).lower() for fault in Fault if faults & fault)


def describe(told: Feedback) -> str:
    """Return what is wrong with a motor that does not run, for people."""
    if told.faults:
        return f"reports {fault_names(told.faults)} ({told.torque_nm:.1f} Nm, {told.temperature_degc:.0f} degC)"
    return "hangs limp: was its power cut, or did it hear nothing for longer than its time-out?"


def make_frame(kind: int, what: int, to: int, data: bytes = bytes(8)) -> CanFrame:
    """Return the frame with these three in its identifier."""
    return CanFrame(kind << 24 | what << 8 | to, data, extended=True)


def split_id(can_id: int) -> tuple[int, int, int]:
    """Return kind, what, and who it is for."""
    return can_id >> 24, can_id >> 8 & 0xFFFF, can_id & 0xFF


def control(motor_id: int, told: Control, span: Span) -> CanFrame:
    """Return the frame that commands one motor; what is out of range is sent as its end."""
    *words, torque = (_pack(value, *ends) for value, ends in zip(told, _control_ends(span), strict=True))
    return make_frame(Kind.CONTROL, torque, motor_id, struct.pack(">4H", *words))


def parse_control(frame: CanFrame, span: Span) -> Control:
    """Return what a motor is told."""
    words = (*struct.unpack(">4H", _eight(frame)), split_id(frame.can_id)[1])
    return Control(*(_unpack(word, *ends) for word, ends in zip(words, _control_ends(span), strict=True)))


def feedback(told: Feedback, span: Span, host_id: int) -> CanFrame:
    """Return the frame that a motor answers with."""
    words = [_pack(value, *ends) for value, ends in zip(told[3:6], _feedback_ends(span), strict=True)]
    data = struct.pack(">3Hh", *words, round(told.temperature_degc * 10))
    return make_frame(Kind.FEEDBACK, told.mode << 14 | told.faults << 8 | told.motor_id, host_id, data)


def parse_feedback(frame: CanFrame, span: Span) -> Feedback:
    """Return what a motor says of itself."""
    *words, temperature = struct.unpack(">3Hh", _eight(frame))
    what = split_id(frame.can_id)[1]
    position, velocity, torque = (_unpack(word, *ends) for word, ends in zip(words, _feedback_ends(span), strict=True))
    return Feedback(what & 0xFF, what >> 14, what >> 8 & 0x3F, position, velocity, torque, temperature / 10)


def parameter_data(index: int, value: float = 0) -> bytes:
    """Return the data of a write, of a question, and of its answer."""
    return struct.pack("<HHI" if index in _WHOLE else "<HHf", index, 0, int(value) if index in _WHOLE else value)


def parse_parameter(frame: CanFrame) -> tuple[int, float]:
    """Return index and value; of a parameter that is not used here, the index alone means something."""
    index = int.from_bytes(_eight(frame)[:2], "little")
    return index, struct.unpack("<I" if index in _WHOLE else "<f", frame.data[4:])[0]


def _eight(frame: CanFrame) -> bytes:
    if len(frame.data) != FRAME_BYTES:
        raise ProtocolError(f"a frame of {len(frame.data)} bytes; expected {FRAME_BYTES}")
    return frame.data


def _control_ends(span: Span) -> tuple[tuple[float, float], ...]:
    position, velocity, torque = _feedback_ends(span)
    return position, velocity, (0.0, span.stiffness_max_nm_rad), (0.0, span.damping_max_nm_s_rad), torque


def _feedback_ends(span: Span) -> tuple[tuple[float, float], ...]:
    ends = span.position_max_rad, span.velocity_max_rad_s, span.torque_max_nm
    return tuple((-end, end) for end in ends)


def _pack(value: float, low: float, high: float) -> int:
    if math.isnan(value):
        raise ProtocolError("not a number cannot be packed")
    return round((min(max(value, low), high) - low) * STEPS / (high - low))


def _unpack(word: int, low: float, high: float) -> float:
    return low + word * (high - low) / STEPS
