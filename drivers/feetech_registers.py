"""The memory of a Feetech servo of the STS and SMS series: where each register lies, how long it is, and what its counts mean in SI units.

Signed registers are sign and magnitude, with the sign in a bit of their own. Bytes 0..39 are EEPROM, the rest is lost when
the power goes. Sources: Feetech, "Magnetic encoder STS servo, memory table analysis"; LeRobot's motors/feetech/tables.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivers.feetech_protocol import HEADER, OVERHEAD_BYTES
from interfaces.errors import ProtocolError

MODEL_STS3215 = 777
TICKS_PER_TURN = 4096
TICKS_MAX = TICKS_PER_TURN - 1
RAD_PER_TICK = 2 * math.pi / TICKS_PER_TURN
EEPROM_BYTES = 40
MEMORY_BYTES = 128
RATIO_PER_COUNT = 0.001  # torque limits and load
VOLT_PER_COUNT = 0.1
# The vendor's memory table; LeRobot's has 57600, 38400 and 19200 for the last three.
BAUD_HZ_BY_CODE = (1_000_000, 500_000, 250_000, 128_000, 115_200, 76_800, 57_600, 38_400)

# Bits of the phase register.
PHASE_FINE_VELOCITY = 0x04  # velocities count 1 tick/s, else 50
PHASE_ZERO_IS_FASTEST = 0x08  # goal speed 0 is "as fast as you can", else "stand still"
PHASE_MANY_TURNS = 0x10  # positions count over several turns
COARSE_VELOCITY_TICKS_S = 50


@dataclass(frozen=True, slots=True)
class Register:
    """One register; `sign_bit` is the bit that holds the sign, None where there is none."""

    address: int
    size: int
    sign_bit: int | None = None

    def encode(self, value: int) -> bytes:
        """Return the register's bytes for `value` counts; raises ProtocolError when it does not fit."""
        limit = 1 << (8 * self.size if self.sign_bit is None else self.sign_bit)
        if not (0 if self.sign_bit is None else 1 - limit) <= value < limit:
            raise ProtocolError(f"{value} does not fit into the register at {self.address}, {self.size} bytes")
        sign = 0 if value >= 0 or self.sign_bit is None else 1 << self.sign_bit
        return (abs(value) | sign).to_bytes(self.size, "little")

    def decode(self, memory: bytes | bytearray, base: int = 0) -> int:
        """Return the register's value in counts out of memory that starts at address `base`."""
        start = self.address - base
        raw = int.from_bytes(memory[start : start + self.size], "little")
        if self.sign_bit is None:
            return raw
        magnitude = raw & ((1 << self.sign_bit) - 1)
        return -magnitude if raw >> self.sign_bit & 1 else magnitude


MODEL_NUMBER = Register(3, 2)
SERVO_ID = Register(5, 1)
BAUD_CODE = Register(6, 1)
RETURN_DELAY = Register(7, 1)  # 2 us
STATUS_LEVEL = Register(8, 1)  # 0 answers ping and read only, 1 everything
POSITION_MIN = Register(9, 2, 15)  # ticks
POSITION_MAX = Register(11, 2, 15)
TEMPERATURE_MAX = Register(13, 1)  # degC
VOLTAGE_MAX = Register(14, 1)  # 0.1 V
VOLTAGE_MIN = Register(15, 1)
TORQUE_MAX = Register(16, 2)  # 0.001, taken over into TORQUE_LIMIT at power on
PHASE = Register(18, 1)
GAIN_P = Register(21, 1)
GAIN_D = Register(22, 1)
GAIN_I = Register(23, 1)
PROTECTION_CURRENT = Register(28, 2)  # 6.5 mA
HOMING_OFFSET = Register(31, 2, 11)  # ticks; present position = encoder - offset
OPERATING_MODE = Register(33, 1)  # 0 is position
PROTECTIVE_TORQUE = Register(34, 1)  # 0.01, what is left after an overload
PROTECTION_TIME = Register(35, 1)  # 10 ms of overload are forgiven
OVERLOAD_TORQUE = Register(36, 1)  # 0.01
TORQUE_ENABLE = Register(40, 1)
ACCELERATION = Register(41, 1)  # 100 ticks/s^2; 0 is no limit
GOAL_POSITION = Register(42, 2, 15)  # ticks
GOAL_TIME = Register(44, 2)
GOAL_SPEED = Register(46, 2, 15)  # ticks/s
TORQUE_LIMIT = Register(48, 2)  # 0.001
LOCK = Register(55, 1)  # 1: writes to the EEPROM do not survive the power
PRESENT_POSITION = Register(56, 2, 15)  # ticks
PRESENT_VELOCITY = Register(58, 2, 15)  # ticks/s
PRESENT_LOAD = Register(60, 2, 10)  # 0.001 of the voltage over the motor
PRESENT_VOLTAGE = Register(62, 1)  # 0.1 V
PRESENT_TEMPERATURE = Register(63, 1)  # degC
STATUS = Register(65, 1)  # the bits of ServoFault
MOVING = Register(66, 1)
PRESENT_CURRENT = Register(69, 2, 15)  # 6.5 mA

# What the driver reads of every servo in every cycle: position, velocity, load, voltage, temperature.
FEEDBACK_ADDRESS = PRESENT_POSITION.address
FEEDBACK_BYTES = PRESENT_TEMPERATURE.address + 1 - FEEDBACK_ADDRESS

# Only its length tells an answer apart (feetech_answers.py): the same may be asked for with more around it. What lies behind,
# up to the current, is the vendor's own block of feedback (SMS_STS.cpp reads 15 bytes from 56); what lies before is working memory.
_BEHIND_BYTES = PRESENT_CURRENT.address + PRESENT_CURRENT.size - PRESENT_TEMPERATURE.address - 1
FEEDBACK_LENGTHS = range(FEEDBACK_BYTES, FEEDBACK_BYTES + _BEHIND_BYTES + FEEDBACK_ADDRESS - EEPROM_BYTES + 1)

FEEDBACK_FRAME = np.dtype(
    [
        ("header", "<u2"),
        ("servo_id", "u1"),
        ("length", "u1"),
        ("error", "u1"),
        ("position", "<u2"),
        ("velocity", "<u2"),
        ("load", "<u2"),
        ("voltage", "u1"),
        ("temperature", "u1"),
        ("checksum", "u1"),
    ]
)
_HEADER_WORD = int.from_bytes(HEADER, "little")
_FRAME_BYTES = FEEDBACK_FRAME.itemsize
_SIGNED = slice(OVERHEAD_BYTES - 1, OVERHEAD_BYTES - 1 + 6)  # position, velocity, load
_SIGN_BITS = np.array([15, 15, 10], np.uint16)


def feedback_frames(data: bytes, servo_ids: NDArray[np.uint8]) -> NDArray[np.void] | None:
    """Return the status packets of a sync read of the feedback as a record array, (servo,), None unless all are whole.

    `data` must be exactly the packets of `servo_ids` in order: the common case, checked without a loop.
    """
    if len(data) != _FRAME_BYTES * len(servo_ids):
        return None
    octets = np.frombuffer(data, np.uint8).reshape(len(servo_ids), _FRAME_BYTES)
    frames = octets.view(FEEDBACK_FRAME)[:, 0]
    # Everything from id to checksum adds up to FF in a whole packet.
    whole = octets[:, 2:].sum(axis=1, dtype=np.uint8) == 0xFF
    expected = (frames["header"] == _HEADER_WORD) & (frames["servo_id"] == servo_ids)
    return frames if bool((whole & expected & (frames["length"] == FEEDBACK_BYTES + 2)).all()) else None


def feedback_address(length: int) -> int:
    """Return from where on `length` bytes, one of FEEDBACK_LENGTHS, hold the feedback."""
    return FEEDBACK_ADDRESS - max(0, length - FEEDBACK_BYTES - _BEHIND_BYTES)


def signed_feedback(frames: NDArray[np.void]) -> NDArray[np.float64]:
    """Return position, velocity and load, (3, servo), in counts, of what `feedback_frames` returned."""
    octets = frames.view(np.uint8).reshape(len(frames), _FRAME_BYTES)
    return from_sign_magnitude(octets[:, _SIGNED].copy().view("<u2"), _SIGN_BITS).T


def from_sign_magnitude(raw: NDArray[np.uint16], sign_bit: int | NDArray[np.uint16]) -> NDArray[np.float64]:
    """Return signed values, any shape, from sign-and-magnitude registers."""
    sign = np.uint16(1) << sign_bit
    values = (raw & (sign - 1)).astype(np.float64)
    np.negative(values, out=values, where=(raw & sign) != 0)
    return values
