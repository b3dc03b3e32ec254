"""One emulated Dynamixel X servo: what writing into its memory does to the motor behind it, and how it protects itself.

What ROBOTIS documents is done as documented. Undocumented, and so decided here: a goal survives torque being switched on; a
servo that stopped by its bus watchdog holds where it is; a load beyond OVERLOAD_RATIO for OVERLOAD_S is an overload; a
torque that may not be enabled after a shutdown is refused with "result fail". The drive mode is kept and not acted on, and
only position mode moves anything. The clock is whoever calls: `advance` and `t_now_ns`, so it runs in real time and in
lockstep.

Source: ROBOTIS e-manual, control tables of the X series.
"""

from __future__ import annotations

import math

from drivers.dynamixel import registers
from drivers.dynamixel.protocol import ALERT, CLEAR_TURNS, ResetScope, StatusError
from drivers.dynamixel.registers import (
    BAUD_HZ_BY_CODE,
    HOMING_OFFSET_VALID,
    MODELS,
    PWM_FULL,
    RAD_PER_TICK,
    RAD_S_PER_COUNT,
    TICKS_PER_TURN,
    WATCHDOG_NS,
    WATCHDOG_TRIPPED,
    HardwareError,
    Register,
)
from sim.dynamixel.memory import POSITION_MODE, SMALL_5V, ControlTable
from sim.motors.motion import Actuators, GoalRamp

CENTRE_TICKS = 2048
AIR_DEGC = 25.0
WARMING_DEGC_S = 0.2
COOLING_S = 300.0
SUPPLY_12V, SUPPLY_5V = 12.0, 5.0
OVERLOAD_RATIO = 0.95
OVERLOAD_S = 2.0
MOVING_COUNTS = 10  # the factory's moving threshold
STEP_MAX_NS = 2_000_000  # of the ramp
TICKS_S_PER_COUNT = RAD_S_PER_COUNT / RAD_PER_TICK
TICKS_S2_PER_COUNT = 214.577 * TICKS_PER_TURN / 3600
RESET_KEEPS = {
    ResetScope.EVERYTHING: (),
    ResetScope.ALL_BUT_ID: (registers.SERVO_ID,),
    ResetScope.ALL_BUT_ID_AND_BAUD: (registers.SERVO_ID, registers.BAUD_CODE),
}


class EmulatedDynamixel:
    """Servo `index` of `actuators`, of one model, as it comes from the factory with its id set."""

    def __init__(self, servo_id: int, index: int, actuators: Actuators, model: int = 1200) -> None:
        self._index = index
        self._actuators = actuators
        self._full = MODELS[model].effort_full
        self._table = ControlTable(model, servo_id)
        self._ramp = GoalRamp()
        self._waiting: tuple[int, bytes] | None = None
        self._t_ns = 0
        self._t_heard_ns = 0
        self._overloaded_s = 0.0
        self._torque: bool | None = None
        self._effort_limit_ratio = -1.0
        self.knows_fast_reads = True
        self.temperature_degc = AIR_DEGC
        self.supply_v = SUPPLY_5V if model in SMALL_5V else SUPPLY_12V
        self.power_on()

    @property
    def servo_id(self) -> int:
        """Return the id it listens to."""
        return self._table.get(registers.SERVO_ID)

    @property
    def baud_hz(self) -> int:
        """Return the rate it listens at."""
        return BAUD_HZ_BY_CODE[self._table.get(registers.BAUD_CODE)]

    @property
    def return_delay_ns(self) -> int:
        """Return its pause before an answer; 0 is the shortest there is, taken as 10 us (undocumented)."""
        return max(10_000, self._table.get(registers.RETURN_DELAY) * 2_000)

    @property
    def status_level(self) -> int:
        """Return what it answers: 0 ping only, 1 ping and read, 2 everything."""
        return self._table.get(registers.STATUS_LEVEL)

    @property
    def alert(self) -> int:
        """Return the alert bit of an answer given now."""
        return ALERT if self._table.get(registers.HARDWARE_ERROR) else 0

    @property
    def is_ramping(self) -> bool:
        """Return whether the goal is still being run to: such a servo wants to be advanced often."""
        return self._torque is True and self._ramp.setpoint_ticks != self._table.get(registers.GOAL_POSITION)

    def get(self, register: Register) -> int:
        """Return one register in counts."""
        return self._table.get(register)

    def save(self, register: Register, value: int) -> None:
        """Set a register from outside, whatever the rules say."""
        self._table.put(register, value)
        self._apply()

    def power_on(self) -> None:
        """Start anew, by reboot or by its power: working memory as after power on."""
        self._table.forget()
        self._table.put(registers.GOAL_POSITION, self._present_ticks())
        self._waiting, self._overloaded_s = None, 0.0
        self._apply()

    def reboot(self) -> int:
        """Start the program anew; it takes no time (undocumented)."""
        self.power_on()
        return 0

    def factory_reset(self, parameters: bytes) -> int:
        """Restore the factory's settings, all but what the parameter says."""
        if not parameters or parameters[0] not in list(ResetScope):
            return StatusError.RANGE
        self._table.reset(keep=RESET_KEEPS[ResetScope(parameters[0])])
        self.power_on()
        return 0

    def clear(self, parameters: bytes) -> int:
        """Forget whole turns: in position mode there are none."""
        return 0 if parameters == CLEAR_TURNS else StatusError.RANGE

    def read(self, address: int, count: int) -> bytes:
        """Return memory."""
        return self._table.read(address, count)

    def write(self, address: int, data: bytes) -> int:
        """Write memory; returns a StatusError, 0 where it was done."""
        enables = address <= registers.TORQUE_ENABLE.address < address + len(data)
        if enables and data[registers.TORQUE_ENABLE.address - address] and self._shut_down():
            return StatusError.RESULT
        error = self._table.write(address, data)
        if not error:
            self._apply()
        return error

    def reg_write(self, address: int, data: bytes) -> int:
        """Keep a write until `action`."""
        self._waiting = (address, data)
        self._table.put(registers.REGISTERED, 1)
        return 0

    def action(self) -> int:
        """Carry out the write that waits."""
        waiting, self._waiting = self._waiting, None
        self._table.put(registers.REGISTERED, 0)
        return StatusError.INSTRUCTION if waiting is None else self.write(*waiting)

    def fail(self, error: HardwareError) -> None:
        """Find something wrong with itself; what the shutdown register names ends torque."""
        self._table.put(registers.HARDWARE_ERROR, self._table.get(registers.HARDWARE_ERROR) | error)
        if self._shut_down():
            self._table.put(registers.TORQUE_ENABLE, 0)
        self._apply()

    def hear(self, t_now_ns: int) -> None:
        """Hear an instruction, for whomever it is: the bus lives."""
        self.advance(t_now_ns)
        self._t_heard_ns = t_now_ns

    def advance(self, t_now_ns: int) -> None:
        """Let time pass until `t_now_ns`."""
        elapsed_ns = max(0, t_now_ns - self._t_ns) if self._t_ns else 0
        self._t_ns = max(self._t_ns, t_now_ns)
        if elapsed_ns:
            self._run_ramp(elapsed_ns)
            self._run_protections(elapsed_ns * 1e-9)
        limit_ns = self._table.get(registers.BUS_WATCHDOG) * WATCHDOG_NS
        armed = self._torque and 0 < limit_ns < WATCHDOG_TRIPPED * WATCHDOG_NS
        if armed and self._t_heard_ns and t_now_ns - self._t_heard_ns > limit_ns:
            self._table.put(registers.BUS_WATCHDOG, WATCHDOG_TRIPPED)
            self._table.put(registers.GOAL_POSITION, self._present_ticks())
            self._apply()

    def measure(self) -> None:
        """Fill in the registers of what it measures."""
        load = self._load()
        velocity = round(self._actuators.velocity_rad_s(self._index) / RAD_S_PER_COUNT)
        put = self._table.put
        put(registers.PRESENT_EFFORT, round(load * self._full))
        put(registers.PRESENT_PWM, round(load * PWM_FULL))
        put(registers.PRESENT_VELOCITY, velocity)
        put(registers.PRESENT_POSITION, self._present_ticks())
        put(registers.VELOCITY_TRAJECTORY, velocity)
        put(registers.POSITION_TRAJECTORY, round(self._ramp.setpoint_ticks))
        put(registers.PRESENT_VOLTAGE, max(0, round(10 * self.supply_v)))
        put(registers.PRESENT_TEMPERATURE, max(0, min(255, round(self.temperature_degc))))
        put(registers.REALTIME_TICK, self._t_ns // 1_000_000 % 32_768)
        put(registers.MOVING, int(abs(velocity) > MOVING_COUNTS or self.is_ramping))

    def _shut_down(self) -> bool:
        return bool(self._table.get(registers.HARDWARE_ERROR) & self._table.get(registers.SHUTDOWN))

    def _load(self) -> float:
        return self._actuators.effort_ratio(self._index) if self._torque else 0.0

    def _run_ramp(self, elapsed_ns: int) -> None:
        if not self.is_ramping:
            return
        speed = TICKS_S_PER_COUNT * self._table.get(registers.PROFILE_VELOCITY)
        acceleration = TICKS_S2_PER_COUNT * self._table.get(registers.PROFILE_ACCELERATION)
        n_steps = -(-elapsed_ns // STEP_MAX_NS)
        for _ in range(n_steps):
            goal = self._table.get(registers.GOAL_POSITION)
            self._ramp.advance(goal, speed, acceleration, elapsed_ns * 1e-9 / n_steps)
        self._drive()

    def _run_protections(self, elapsed_s: float) -> None:
        load = self._load()
        warming = WARMING_DEGC_S * load * load - (self.temperature_degc - AIR_DEGC) / COOLING_S
        self.temperature_degc += warming * elapsed_s
        self._overloaded_s = self._overloaded_s + elapsed_s if abs(load) > OVERLOAD_RATIO else 0.0
        found = HardwareError(0)
        if self._overloaded_s > OVERLOAD_S:
            found |= HardwareError.OVERLOAD
        if self.temperature_degc > self._table.get(registers.TEMPERATURE_MAX):
            found |= HardwareError.OVERHEATING
        low, high = self._table.get(registers.VOLTAGE_MIN), self._table.get(registers.VOLTAGE_MAX)
        if not low <= 10 * self.supply_v <= high:
            found |= HardwareError.VOLTAGE
        if int(found) & ~self._table.get(registers.HARDWARE_ERROR):
            self.fail(found)

    def _apply(self) -> None:
        """Hand torque, its limit and the target on to the motor, after a write."""
        torque = bool(self._table.get(registers.TORQUE_ENABLE))
        if torque is not self._torque:
            self._torque = torque
            self._ramp.restart(self._present_ticks())
            self._actuators.set_torque(self._index, enabled=torque)
        if not self._table.get(registers.PROFILE_VELOCITY) and not self._table.get(registers.PROFILE_ACCELERATION):
            self._ramp.restart(self._table.get(registers.GOAL_POSITION))
        self._drive()

    def _drive(self) -> None:
        limit_ratio = min(1.0, abs(self._table.get(registers.GOAL_PWM)) / PWM_FULL)
        if not math.isclose(limit_ratio, self._effort_limit_ratio):
            self._effort_limit_ratio = limit_ratio
            self._actuators.set_effort_limit(self._index, limit_ratio)
        if self._torque and self._table.get(registers.OPERATING_MODE) == POSITION_MODE:
            encoder_ticks = self._ramp.setpoint_ticks - self._offset_ticks()
            self._actuators.set_target_rad(self._index, (encoder_ticks - CENTRE_TICKS) * RAD_PER_TICK)

    def _offset_ticks(self) -> int:
        offset = self._table.get(registers.HOMING_OFFSET)
        return offset if abs(offset) <= HOMING_OFFSET_VALID else 0

    def _present_ticks(self) -> int:
        angle_ticks = CENTRE_TICKS + self._actuators.position_rad(self._index) / RAD_PER_TICK
        return round(angle_ticks) % TICKS_PER_TURN + self._offset_ticks()
