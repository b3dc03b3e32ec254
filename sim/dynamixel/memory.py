"""The control table of an emulated Dynamixel X servo: what it holds from the factory, and which writes it refuses, and how.

Source: ROBOTIS e-manual, control tables and "Status Packet, Error". Undocumented, and so decided here: of a write that goes
over several registers nothing is kept where one is refused; what no register lies at reads 0; indirect addresses are not
emulated.
"""

from __future__ import annotations

from dataclasses import dataclass

from drivers.dynamixel import registers
from drivers.dynamixel.protocol import PARAMETERS_MAX, StatusError
from drivers.dynamixel.registers import EEPROM_BYTES, MODELS, PWM_FULL, TICKS_MAX, WATCHDOG_TRIPPED, Register

MEMORY_BYTES = 256
POSITION_MODE = 3
FIRMWARE = 50
SMALL_5V = frozenset({1190, 1200, 1230, 1240})  # XL330, and XC330 for 5 V
BOUNDLESS = 2**31


@dataclass(frozen=True, slots=True)
class Cell:
    """One register as it comes from the factory; `low` to `high` may be written, None is read-only."""

    value: int = 0
    low: int | None = None
    high: int = 0


def factory_cells(model: int, servo_id: int) -> dict[Register, Cell]:
    """Return the registers of a servo fresh from the factory, its id set."""
    volt_min, volt_max = (35, 70) if model in SMALL_5V else (60, 140)
    read_only = (
        *(registers.REGISTERED, registers.HARDWARE_ERROR, registers.REALTIME_TICK, registers.MOVING),
        *(registers.MOVING_STATUS, registers.PRESENT_PWM, registers.PRESENT_EFFORT, registers.PRESENT_VELOCITY),
        *(registers.PRESENT_POSITION, registers.VELOCITY_TRAJECTORY, registers.POSITION_TRAJECTORY),
        *(registers.PRESENT_VOLTAGE, registers.PRESENT_TEMPERATURE),
    )
    return {
        registers.MODEL_NUMBER: Cell(model),
        registers.FIRMWARE_VERSION: Cell(FIRMWARE),
        registers.SERVO_ID: Cell(servo_id, 0, 252),
        registers.BAUD_CODE: Cell(1, 0, 7),
        registers.RETURN_DELAY: Cell(250, 0, 254),
        registers.DRIVE_MODE: Cell(0, 0, 15),
        registers.OPERATING_MODE: Cell(POSITION_MODE, 0, 16),
        registers.HOMING_OFFSET: Cell(0, -1_044_479, 1_044_479),
        registers.TEMPERATURE_MAX: Cell(70, 0, 100),
        registers.VOLTAGE_MAX: Cell(volt_max, volt_min, volt_max),
        registers.VOLTAGE_MIN: Cell(volt_min, volt_min, volt_max),
        registers.PWM_LIMIT: Cell(PWM_FULL, 0, PWM_FULL),
        registers.POSITION_MAX: Cell(TICKS_MAX, 0, TICKS_MAX),
        registers.POSITION_MIN: Cell(0, 0, TICKS_MAX),
        registers.SHUTDOWN: Cell(53 if model in SMALL_5V else 52, 0, 63),
        registers.TORQUE_ENABLE: Cell(0, 0, 1),
        registers.LED: Cell(0, 0, 1),
        registers.STATUS_LEVEL: Cell(2, 0, 2),
        registers.GAIN_P: Cell(800, 0, 16_383),
        registers.BUS_WATCHDOG: Cell(0, 0, 127),
        registers.GOAL_PWM: Cell(PWM_FULL, -PWM_FULL, PWM_FULL),
        registers.GOAL_CURRENT: Cell(0, -MODELS[model].effort_full, MODELS[model].effort_full),
        registers.GOAL_VELOCITY: Cell(0, -2047, 2047),
        registers.PROFILE_ACCELERATION: Cell(0, 0, 32_767),
        registers.PROFILE_VELOCITY: Cell(0, 0, 32_767),
        registers.GOAL_POSITION: Cell(0, -BOUNDLESS, BOUNDLESS - 1),
        **dict.fromkeys(read_only, Cell()),
    }


GOALS = frozenset(
    {registers.GOAL_PWM, registers.GOAL_CURRENT, registers.GOAL_VELOCITY, registers.GOAL_POSITION},
)


class ControlTable:
    """The bytes of one servo, and the rules for writing them."""

    def __init__(self, model: int, servo_id: int) -> None:
        self._cells = factory_cells(model, servo_id)
        self.memory = bytearray(MEMORY_BYTES)
        for register, cell in self._cells.items():
            self.put(register, cell.value)

    def get(self, register: Register) -> int:
        """Return one register in counts."""
        return register.decode(self.memory)

    def put(self, register: Register, value: int) -> None:
        """Set one register, whatever the rules say."""
        self.memory[register.address : register.address + register.size] = register.encode(value)

    def forget(self) -> None:
        """Lose the power: what is not EEPROM is as from the factory."""
        for register, cell in self._cells.items():
            if register.address >= EEPROM_BYTES:
                self.put(register, cell.value)
        self.put(registers.GOAL_PWM, self.get(registers.PWM_LIMIT))

    def reset(self, *, keep: tuple[Register, ...]) -> None:
        """Make everything as from the factory, all but `keep`."""
        kept = {register: self.get(register) for register in keep}
        for register, cell in self._cells.items():
            self.put(register, kept.get(register, cell.value))

    def read(self, address: int, count: int) -> bytes:
        """Return memory, as much as a packet holds."""
        count = min(count, PARAMETERS_MAX)
        return bytes(self.memory[address : address + count]).ljust(count, b"\0")

    def write(self, address: int, data: bytes) -> int:
        """Write memory, wholly or not at all; returns a StatusError, 0 where it was done."""
        end = address + len(data)
        touched = [r for r in self._cells if r.address < end and r.address + r.size > address]
        covered = sum(min(end, r.address + r.size) - max(address, r.address) for r in touched)
        if not data or covered < len(data):
            return StatusError.ACCESS
        for register in touched:
            if register.address < address or register.address + register.size > end:
                return StatusError.LENGTH
            error = self._refusal(register, register.decode(data, address))
            if error:
                return error
        self.memory[address:end] = data
        return 0

    def _refusal(self, register: Register, value: int) -> int:
        cell = self._cells[register]
        locked = register.address < EEPROM_BYTES and self.get(registers.TORQUE_ENABLE)
        if cell.low is None or locked:
            return StatusError.ACCESS
        if register in GOALS and self.get(registers.BUS_WATCHDOG) == WATCHDOG_TRIPPED:
            return StatusError.RANGE
        if not cell.low <= value <= cell.high:
            return StatusError.RANGE
        return 0 if self._within_limits(register, value) else StatusError.LIMIT

    def _within_limits(self, register: Register, value: int) -> bool:
        if register == registers.GOAL_PWM:
            return abs(value) <= self.get(registers.PWM_LIMIT)
        if register == registers.GOAL_POSITION and self.get(registers.OPERATING_MODE) == POSITION_MODE:
            return self.get(registers.POSITION_MIN) <= value <= self.get(registers.POSITION_MAX)
        return True
