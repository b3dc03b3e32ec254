"""The memory of a Feetech servo of the STS and SMS series: where each register lies, how long it is, and what its counts mean in SI units.

Signed registers are sign and magnitude, with the sign in a bit of their own. Bytes 0..39 are EEPROM, the rest is lost when
the power goes. Sources: Feetech, "Magnetic encoder STS servo, memory table analysis"; LeRobot's motors/feetech/tables.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

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
        return self.signed(int.from_bytes(memory[start : start + self.size], "little"))

    def signed(self, raw: int) -> int:
        """Return the value in counts of the register's bits."""
        if self.sign_bit is None:
            return raw
        magnitude = raw & ((1 << self.sign_bit) - 1)
        return -magnitude if raw >> self.sign_bit & 1 else magnitude


FIRMWARE_MAJOR = Register(0, 1)
FIRMWARE_MINOR = Register(1, 1)
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

# Only its length tells an answer apart (drivers/feetech/answers.py): the same may be asked for with more around it. What lies behind,
# up to the current, is the vendor's own block of feedback (SMS_STS.cpp reads 15 bytes from 56); what lies before is working memory.
_BEHIND_BYTES = PRESENT_CURRENT.address + PRESENT_CURRENT.size - PRESENT_TEMPERATURE.address - 1
FEEDBACK_LENGTHS = range(FEEDBACK_BYTES, FEEDBACK_BYTES + _BEHIND_BYTES + FEEDBACK_ADDRESS - EEPROM_BYTES + 1)


def feedback_address(length: int) -> int:
    """Return from where on `length` bytes, one of FEEDBACK_LENGTHS, hold the feedback."""
    return FEEDBACK_ADDRESS - max(0, length - FEEDBACK_BYTES - _BEHIND_BYTES)
