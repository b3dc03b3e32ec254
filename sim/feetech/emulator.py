"""One emulated Feetech STS3215: its memory, and what writing into that memory does to the motor behind it.

What Feetech documents is done as documented; where it says nothing, this emulator does the plainest thing, marked
"undocumented" below. The clock is whoever calls: `advance` and `t_now_ns`, so it runs in real time and in lockstep.

Source: Feetech, "Magnetic encoder STS servo, memory table analysis".
"""

from __future__ import annotations

import struct

from drivers.feetech import registers
from drivers.feetech.protocol import PARAMETERS_MAX, RECENTRE_TORQUE, ServoFault
from drivers.feetech.registers import EEPROM_BYTES, MEMORY_BYTES, RAD_PER_TICK, TICKS_PER_TURN, Register
from sim.motors.motion import Actuators, GoalRamp

CENTRE_TICKS = 2048
FACTORY = {
    registers.MODEL_NUMBER: registers.MODEL_STS3215,
    registers.BAUD_CODE: 0,
    registers.RETURN_DELAY: 250,  # 500 us
    registers.STATUS_LEVEL: 1,
    registers.POSITION_MIN: 0,
    registers.POSITION_MAX: registers.TICKS_MAX,
    registers.TEMPERATURE_MAX: 70,
    registers.VOLTAGE_MAX: 140,
    registers.VOLTAGE_MIN: 40,
    registers.TORQUE_MAX: 1000,
    registers.PHASE: registers.PHASE_FINE_VELOCITY | registers.PHASE_ZERO_IS_FASTEST,
    registers.GAIN_P: 32,
    registers.GAIN_D: 32,
    registers.GAIN_I: 0,
    registers.PROTECTION_CURRENT: 500,
    registers.HOMING_OFFSET: 0,
    registers.OPERATING_MODE: 0,
    registers.PROTECTIVE_TORQUE: 20,
    registers.PROTECTION_TIME: 200,  # 2 s
    registers.OVERLOAD_TORQUE: 80,
}
FIRMWARE = bytes((3, 10))
READ_ONLY = frozenset((*range(5), *range(registers.PRESENT_POSITION.address, MEMORY_BYTES)))
FEEDBACK = struct.Struct("<HHHBB")  # position, velocity, load, voltage, temperature

# A motor that warms up: at full load 60 degC above the air after a few minutes.
AIR_DEGC = 25.0
WARMING_DEGC_S = 0.2
COOLING_S = 300.0
SUSTAINED_S = 0.1
SUPPLY_V = 12.0
SUPPLY_DROP_V = 0.4  # at full load, in the daisy chain's wires
CURRENT_FULL_LOAD_A = 2.4
AMPERE_PER_COUNT = 0.0065
MOVING_TICKS_S = 10
STEP_MAX_NS = 2_000_000  # of the ramp


class EmulatedServo:
    """Servo `index` of `actuators`, as it comes from the factory with its id set."""

    def __init__(self, servo_id: int, index: int, actuators: Actuators) -> None:
        self._index = index
        self._actuators = actuators
        self._eeprom = _factory_eeprom(servo_id)  # what survives the power
        self._memory = bytearray(MEMORY_BYTES)
        self._ramp = GoalRamp()
        self._goal_ticks = 0  # clipped to the limits
        self._waiting: tuple[int, bytes] | None = None
        self._t_ns: int | None = None
        self._sustained_load = 0.0
        self._overloaded_s = 0.0
        self._overloaded = False
        self._torque: bool | None = None
        self._effort_limit_ratio = -1.0
        self.temperature_degc = AIR_DEGC
        self.supply_v = SUPPLY_V
        self.power_on()

    @property
    def servo_id(self) -> int:
        """Return the id it listens to."""
        return self._memory[registers.SERVO_ID.address]

    @property
    def baud_hz(self) -> int:
        """Return the rate it listens at."""
        codes = registers.BAUD_HZ_BY_CODE
        return codes[min(self.get(registers.BAUD_CODE), len(codes) - 1)]

    @property
    def return_delay_ns(self) -> int:
        """Return its pause before an answer; 0 is the shortest there is, taken as 10 us (undocumented)."""
        return max(10_000, self.get(registers.RETURN_DELAY) * 2_000)

    @property
    def answers_writes(self) -> bool:
        """Return whether more than ping and read is answered."""
        return self.get(registers.STATUS_LEVEL) == 1

    @property
    def is_ramping(self) -> bool:
        """Return whether the goal is still being run to: such a servo wants to be advanced often."""
        return self._torque is True and self._ramp.setpoint_ticks != self._goal_ticks

    def get(self, register: Register) -> int:
        """Return one register in counts."""
        return register.decode(self._memory)

    def power_on(self) -> None:
        """Start anew: working memory as after power on, EEPROM as it was saved."""
        self._memory = bytearray(MEMORY_BYTES)
        self._memory[:EEPROM_BYTES] = self._eeprom
        self._set(registers.TORQUE_LIMIT, self.get(registers.TORQUE_MAX))
        self._set(registers.LOCK, 1)
        self._set(registers.GOAL_POSITION, self._present_ticks())
        self._waiting = None
        self._overloaded, self._overloaded_s = False, 0.0
        self._apply()

    def factory_reset(self) -> None:
        """Restore the factory's settings, all but the id."""
        self._eeprom = _factory_eeprom(self.servo_id)
        self.power_on()

    def recalibrate(self, position_ticks: int = CENTRE_TICKS) -> None:
        """Call the present position `position_ticks`: kept in the EEPROM, locked or not."""
        offset = self._encoder_ticks() - position_ticks
        data = registers.HOMING_OFFSET.encode(max(-2047, min(2047, offset)))
        address = registers.HOMING_OFFSET.address
        self._memory[address : address + 2] = self._eeprom[address : address + 2] = data
        self._set(registers.GOAL_POSITION, self._present_ticks())
        self._ramp.restart(self._present_ticks())

    def read(self, address: int, count: int) -> bytes:
        """Return memory, as much as a packet holds; what lies behind its end reads 0 (undocumented)."""
        count = min(count, PARAMETERS_MAX)
        return bytes(self._memory[address : address + count]).ljust(count, b"\0")

    def write(self, address: int, data: bytes) -> None:
        """Write memory. EEPROM written while locked counts until the power goes; read-only bytes stay (undocumented)."""
        unlocked = self.get(registers.LOCK) == 0
        recentre = False
        for i, value in enumerate(data, start=address):
            if i >= MEMORY_BYTES or i in READ_ONLY:
                continue
            if i == registers.TORQUE_ENABLE.address and value == RECENTRE_TORQUE:
                recentre = True
                continue
            if i == registers.TORQUE_ENABLE.address:
                self._overloaded, self._overloaded_s = False, 0.0
            self._memory[i] = value
            if unlocked and i < EEPROM_BYTES:
                self._eeprom[i] = value
        if recentre:
            self.recalibrate()
        self._apply()

    def save(self, address: int, data: bytes) -> None:
        """Write EEPROM for good, read-only bytes too: how a servo is made to be another than the factory's."""
        self._memory[address : address + len(data)] = self._eeprom[address : address + len(data)] = data
        self._apply()

    def reg_write(self, address: int, data: bytes) -> None:
        """Keep a write until `action`."""
        self._waiting = (address, data)

    def action(self) -> None:
        """Carry out the write that waits, if any."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self.write(*waiting)

    def advance(self, t_now_ns: int) -> None:
        """Let time pass until `t_now_ns`."""
        elapsed_ns = 0 if self._t_ns is None else max(0, t_now_ns - self._t_ns)
        self._t_ns = t_now_ns
        if elapsed_ns:
            self._run_ramp(elapsed_ns)
            self._run_protections(elapsed_ns * 1e-9)

    def measure(self) -> int:
        """Fill in the feedback registers, and return the error byte of an answer given now."""
        load = self._load()
        velocity = round(self._actuators.velocity_rad_s(self._index) / RAD_PER_TICK)
        decivolts = 10 * (self.supply_v - SUPPLY_DROP_V * abs(load))
        FEEDBACK.pack_into(
            self._memory,
            registers.FEEDBACK_ADDRESS,
            self._present_ticks(),
            _sign_magnitude(max(-32767, min(32767, velocity)), 15),
            _sign_magnitude(max(-1000, min(1000, round(load * 1000))), 10),
            max(0, min(255, round(decivolts))),
            max(0, min(255, round(self.temperature_degc))),
        )
        error = ServoFault.OVERLOAD.value if self._overloaded else 0
        if not self._memory[registers.VOLTAGE_MIN.address] <= decivolts <= self._memory[registers.VOLTAGE_MAX.address]:
            error |= ServoFault.VOLTAGE.value
        if self.temperature_degc > self._memory[registers.TEMPERATURE_MAX.address]:
            error |= ServoFault.OVERHEAT.value
        self._memory[registers.STATUS.address] = error
        self._memory[registers.MOVING.address] = int(abs(velocity) > MOVING_TICKS_S or self.is_ramping)
        self._set(registers.PRESENT_CURRENT, round(load * CURRENT_FULL_LOAD_A / AMPERE_PER_COUNT))
        return error

    def _load(self) -> float:
        return self._actuators.effort_ratio(self._index) if self._torque else 0.0

    def _run_ramp(self, elapsed_ns: int) -> None:
        if not self.is_ramping:
            return
        speed = abs(self.get(registers.GOAL_SPEED))
        acceleration = 100 * self.get(registers.ACCELERATION)
        n_steps = -(-elapsed_ns // STEP_MAX_NS)
        for _ in range(n_steps):
            self._ramp.advance(self._goal_ticks, speed, acceleration, elapsed_ns * 1e-9 / n_steps)
        self._drive()

    def _run_protections(self, elapsed_s: float) -> None:
        load = self._load()
        warming = WARMING_DEGC_S * load * load - (self.temperature_degc - AIR_DEGC) / COOLING_S
        self.temperature_degc += warming * elapsed_s
        # A stiff controller trembles at its limit in both directions; what counts is what it holds up against.
        self._sustained_load += (load - self._sustained_load) * min(1.0, elapsed_s / SUSTAINED_S)
        overload = abs(self._sustained_load) > 0.01 * self._memory[registers.OVERLOAD_TORQUE.address]
        self._overloaded_s = self._overloaded_s + elapsed_s if overload else 0.0
        if self._overloaded_s > 0.01 * self._memory[registers.PROTECTION_TIME.address] and not self._overloaded:
            self._overloaded = True  # until torque is written again
            self._drive()

    def _apply(self) -> None:
        """Hand torque, its limit and the target on to the motor, after a write."""
        low, high = self.get(registers.POSITION_MIN), self.get(registers.POSITION_MAX)
        goal = self.get(registers.GOAL_POSITION)
        self._goal_ticks = max(low, min(high, goal)) if low < high else goal
        torque = self.get(registers.TORQUE_ENABLE) == 1
        if torque is not self._torque:
            self._torque = torque
            self._ramp.restart(self._present_ticks())
            self._actuators.set_torque(self._index, enabled=torque)
        if self.get(registers.GOAL_SPEED) == 0 and self.get(registers.ACCELERATION) == 0:
            self._ramp.restart(self._goal_ticks)
        self._drive()

    def _drive(self) -> None:
        limit_ratio = 0.001 * min(1000, self.get(registers.TORQUE_LIMIT))
        if self._overloaded:
            limit_ratio = min(limit_ratio, 0.01 * self.get(registers.PROTECTIVE_TORQUE))
        if limit_ratio != self._effort_limit_ratio:
            self._effort_limit_ratio = limit_ratio
            self._actuators.set_effort_limit(self._index, limit_ratio)
        if self._torque:
            encoder_ticks = self._ramp.setpoint_ticks + self.get(registers.HOMING_OFFSET)
            self._actuators.set_target_rad(
                self._index, (encoder_ticks - CENTRE_TICKS + self._turns_ticks()) * RAD_PER_TICK
            )

    def _turns_ticks(self) -> int:
        """Return whole turns between what it reads and where the shaft is: it goes by its reading, whatever turn that is in."""
        shaft_ticks = CENTRE_TICKS + self._actuators.position_rad(self._index) / RAD_PER_TICK
        read_ticks = self._present_ticks() + self.get(registers.HOMING_OFFSET)
        return round((shaft_ticks - read_ticks) / TICKS_PER_TURN) * TICKS_PER_TURN

    def _encoder_ticks(self) -> int:
        return round(CENTRE_TICKS + self._actuators.position_rad(self._index) / RAD_PER_TICK) % TICKS_PER_TURN

    def _present_ticks(self) -> int:
        return (self._encoder_ticks() - self.get(registers.HOMING_OFFSET)) % TICKS_PER_TURN

    def _set(self, register: Register, value: int) -> None:
        self._memory[register.address : register.address + register.size] = register.encode(value)


def _sign_magnitude(value: int, sign_bit: int) -> int:
    return value if value >= 0 else -value | 1 << sign_bit


def _factory_eeprom(servo_id: int) -> bytearray:
    eeprom = bytearray(EEPROM_BYTES)
    eeprom[: len(FIRMWARE)] = FIRMWARE
    for register, value in {**FACTORY, registers.SERVO_ID: servo_id}.items():
        eeprom[register.address : register.address + register.size] = register.encode(value)
    return eeprom
