"""The memory of Dynamixel X servos: where each register lies, how long it is, and what its counts mean in SI units.

All X servos have what the driver needs at the same addresses; numbers are little endian, signed ones two's complement. What
differs is the register at 126: the small XL430, XC430 and their doubles estimate the load from the voltage over the motor,
in 0.1 %, all others measure the current, in units of their own, up to the current limit of the model. Bytes 0..63 are EEPROM,
locked while torque is on; the rest is lost when the power goes.

Source: ROBOTIS e-manual, control tables of the models below; model numbers also from ROBOTIS' dynamixel_hardware_interface.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntFlag

import numpy as np

from interfaces.errors import ProtocolError

TICKS_PER_TURN = 4096
TICKS_MAX = TICKS_PER_TURN - 1
RAD_PER_TICK = 2 * math.pi / TICKS_PER_TURN
RAD_S_PER_COUNT = 0.229 * 2 * math.pi / 60
VOLT_PER_COUNT = 0.1
PWM_FULL = 885  # counts of PWM limit and goal PWM at full voltage
WATCHDOG_NS = 20_000_000  # worth of one count of the bus watchdog
WATCHDOG_TRIPPED = 0xFF  # what the watchdog reads after it stopped the servo
HOMING_OFFSET_VALID = 1024  # ticks; in position mode a larger offset is ignored
EEPROM_BYTES = 64
BAUD_HZ_BY_CODE = (9_600, 57_600, 115_200, 1_000_000, 2_000_000, 3_000_000, 4_000_000, 4_500_000)


@dataclass(frozen=True, slots=True)
class Model:
    """One model of servo: what tells it from the others."""

    name: str
    effort_full: int  # counts of the register at 126 at the largest torque: 100 % load, or the model's current limit


MODELS = {
    1000: Model("XH430-W350", 648),
    1010: Model("XH430-W210", 648),
    1020: Model("XM430-W350", 1193),
    1030: Model("XM430-W210", 1193),
    1040: Model("XH430-V350", 689),
    1050: Model("XH430-V210", 689),
    1060: Model("XL430-W250", 1000),
    1070: Model("XC430-W150", 1000),
    1080: Model("XC430-W240", 1000),
    1090: Model("2XL430-W250", 1000),
    1100: Model("XH540-W270", 2047),
    1110: Model("XH540-W150", 2047),
    1120: Model("XM540-W270", 2047),
    1130: Model("XM540-W150", 2047),
    1140: Model("XH540-V270", 2047),
    1150: Model("XH540-V150", 2047),
    1160: Model("2XC430-W250", 1000),
    1170: Model("XW540-T260", 2047),
    1180: Model("XW540-T140", 2047),
    1190: Model("XL330-M077", 1750),
    1200: Model("XL330-M288", 1750),
    1210: Model("XC330-T181", 910),
    1220: Model("XC330-T288", 910),
    1230: Model("XC330-M181", 2352),
    1240: Model("XC330-M288", 2352),
    1270: Model("XW430-T333", 2047),
    1280: Model("XW430-T200", 2047),
}


class DriveMode(IntFlag):
    """The bits of the drive mode register."""

    REVERSE = 0x01
    SLAVE = 0x02  # driven by a cable from another servo, not by its goals
    TIME_PROFILE = 0x04  # profile velocity and acceleration are times; 0 is no profile all the same
    TORQUE_BY_GOAL = 0x08  # a goal turns torque on


class HardwareError(IntFlag):
    """The bits of the hardware error status: why a servo shut itself down."""

    VOLTAGE = 0x01
    OVERHEATING = 0x04
    ENCODER = 0x08
    ELECTRICAL_SHOCK = 0x10
    OVERLOAD = 0x20


def hardware_error_names(status: int) -> str:
    """Return the errors in a hardware error status, for people: "overheating, overload"."""
    names = [str(error.name).lower().replace("_", " ") for error in HardwareError if status & error]
    unknown = status & ~sum(HardwareError)
    return ", ".join([*names, f"unknown bits {unknown:#04x}"] if unknown else names)


@dataclass(frozen=True, slots=True)
class Register:
    """One register."""

    address: int
    size: int
    signed: bool = False

    def encode(self, value: int) -> bytes:
        """Return the register's bytes for `value` counts; raises ProtocolError when it does not fit."""
        try:
            return value.to_bytes(self.size, "little", signed=self.signed)
        except OverflowError as error:
            raise ProtocolError(
                f"{value} does not fit into the register at {self.address}, {self.size} bytes"
            ) from error

    def decode(self, memory: bytes | bytearray, base: int = 0) -> int:
        """Return the register's value in counts out of memory that starts at address `base`."""
        start = self.address - base
        return int.from_bytes(memory[start : start + self.size], "little", signed=self.signed)


MODEL_NUMBER = Register(0, 2)
FIRMWARE_VERSION = Register(6, 1)
SERVO_ID = Register(7, 1)
BAUD_CODE = Register(8, 1)
RETURN_DELAY = Register(9, 1)  # 2 us
DRIVE_MODE = Register(10, 1)
OPERATING_MODE = Register(11, 1)  # 3 is position
HOMING_OFFSET = Register(20, 4, signed=True)  # ticks; present position = encoder + offset
TEMPERATURE_MAX = Register(31, 1)  # degC
VOLTAGE_MAX = Register(32, 2)  # 0.1 V
VOLTAGE_MIN = Register(34, 2)
PWM_LIMIT = Register(36, 2)  # 1 / PWM_FULL of the full voltage
POSITION_MAX = Register(48, 4)  # ticks; goals beyond are refused, not clipped
POSITION_MIN = Register(52, 4)
SHUTDOWN = Register(63, 1)  # the bits of HardwareError that end torque
TORQUE_ENABLE = Register(64, 1)
LED = Register(65, 1)
STATUS_LEVEL = Register(68, 1)  # 0 answers ping only, 1 ping and read, 2 everything
REGISTERED = Register(69, 1)
HARDWARE_ERROR = Register(70, 1)  # the bits of HardwareError
GAIN_P = Register(84, 2)
BUS_WATCHDOG = Register(98, 1)  # 20 ms
GOAL_PWM = Register(100, 2, signed=True)  # in position mode: the largest PWM that is used
GOAL_CURRENT = Register(102, 2, signed=True)
GOAL_VELOCITY = Register(104, 4, signed=True)
PROFILE_ACCELERATION = Register(108, 4)  # 214.577 rev/min^2; 0 is no limit
PROFILE_VELOCITY = Register(112, 4)  # 0.229 rev/min; 0 is no limit
GOAL_POSITION = Register(116, 4, signed=True)  # ticks
REALTIME_TICK = Register(120, 2)  # ms, begins again after 32767
MOVING = Register(122, 1)
MOVING_STATUS = Register(123, 1)
PRESENT_PWM = Register(124, 2, signed=True)
PRESENT_EFFORT = Register(126, 2, signed=True)  # load or current, by model
PRESENT_VELOCITY = Register(128, 4, signed=True)  # 0.229 rev/min
PRESENT_POSITION = Register(132, 4, signed=True)  # ticks
VELOCITY_TRAJECTORY = Register(136, 4, signed=True)
POSITION_TRAJECTORY = Register(140, 4, signed=True)
PRESENT_VOLTAGE = Register(144, 2)  # 0.1 V
PRESENT_TEMPERATURE = Register(146, 1)  # degC

# What the driver reads of every servo in every cycle, one block as it lies there. Indirect addresses could leave out the two
# trajectories, 8 of 21 bytes and a fifth of the cycle's wire time. But they lie elsewhere in the small models, so that an arm
# of both needs a bulk read, and they are lost with the power: after a brown-out the same question would read zeros, and a
# servo that hangs limp would seem to stand at 0. These addresses can never mean anything else.
FEEDBACK_FRAME = np.dtype(
    [
        ("effort", "<i2"),
        ("velocity", "<i4"),
        ("position", "<i4"),
        ("velocity_trajectory", "<i4"),
        ("position_trajectory", "<i4"),
        ("voltage", "<u2"),
        ("temperature", "u1"),
    ]
)
FEEDBACK_BYTES = FEEDBACK_FRAME.itemsize
FEEDBACK_END = PRESENT_TEMPERATURE.address + 1
# How many bytes up to FEEDBACK_END are asked for. More than the first only after a failure, see drivers/dynamixel/questions.py; each
# begins where a register does.
FEEDBACK_COUNTS = tuple(
    FEEDBACK_END - register.address
    for register in (PRESENT_EFFORT, PRESENT_PWM, MOVING_STATUS, MOVING, REALTIME_TICK, GOAL_POSITION)
)
