"""The emulated servo against what the e-manual says of writing, limits, torque, the bus watchdog and hardware errors."""

import pytest

from drivers.dynamixel import registers
from drivers.dynamixel.protocol import CLEAR_TURNS, StatusError
from drivers.dynamixel.registers import RAD_PER_TICK, WATCHDOG_TRIPPED, HardwareError, Register
from sim.dynamixel.emulator import EmulatedDynamixel
from sim.feetech.bus_process import RigidActuators

MS, S = 10**6, 10**9


class Bench:
    def __init__(self, model: int = 1200) -> None:
        self.motors = RigidActuators(1)
        self.servo = EmulatedDynamixel(7, 0, self.motors, model)
        self.servo.advance(S)

    def write(self, register: Register, value: int) -> int:
        return self.servo.write(register.address, register.encode(value))


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize(
    ("register", "value", "error"),
    [
        (registers.MODEL_NUMBER, 1, StatusError.ACCESS),
        (registers.PRESENT_POSITION, 1, StatusError.ACCESS),
        (registers.RETURN_DELAY, 255, StatusError.RANGE),
        (registers.TORQUE_ENABLE, 2, StatusError.RANGE),
        (registers.BUS_WATCHDOG, 200, StatusError.RANGE),
        (registers.GOAL_POSITION, 4096, StatusError.LIMIT),
        (registers.GOAL_POSITION, -1, StatusError.LIMIT),
        (registers.GOAL_PWM, 886, StatusError.RANGE),
        (registers.GOAL_POSITION, 4095, 0),
        (registers.RETURN_DELAY, 0, 0),
    ],
)
def test_writes_are_refused_as_documented(bench: Bench, register: Register, value: int, error: int) -> None:
    before = bench.servo.get(register)
    assert bench.write(register, value) == error
    assert bench.servo.get(register) == (before if error else value)


def test_a_write_that_is_too_short_or_goes_nowhere_is_refused(bench: Bench) -> None:
    assert bench.servo.write(116, b"\0\0") == StatusError.LENGTH
    assert bench.servo.write(14, b"\0") == StatusError.ACCESS
    assert bench.servo.write(116, b"") == StatusError.ACCESS


def test_a_goal_beyond_the_pwm_limit_is_refused(bench: Bench) -> None:
    bench.write(registers.PWM_LIMIT, 400)
    assert bench.write(registers.GOAL_PWM, 401) == StatusError.LIMIT
    assert bench.write(registers.GOAL_PWM, 300) == 0
    assert bench.motors.effort_limit_ratio == [pytest.approx(300 / 885)]


def test_several_registers_are_written_at_once_or_not_at_all(bench: Bench) -> None:
    profile = bytes(4) + registers.PROFILE_VELOCITY.encode(9) + registers.GOAL_POSITION.encode(1000)
    assert bench.servo.write(108, profile) == 0
    assert bench.servo.get(registers.PROFILE_VELOCITY) == 9
    bad = bytes(4) + registers.PROFILE_VELOCITY.encode(5) + registers.GOAL_POSITION.encode(5000)
    assert bench.servo.write(108, bad) == StatusError.LIMIT
    assert bench.servo.get(registers.PROFILE_VELOCITY) == 9


def test_torque_locks_the_eeprom_and_nothing_else(bench: Bench) -> None:
    assert bench.write(registers.TORQUE_ENABLE, 1) == 0
    assert bench.write(registers.RETURN_DELAY, 0) == StatusError.ACCESS
    assert bench.write(registers.LED, 1) == 0
    assert bench.write(registers.TORQUE_ENABLE, 0) == 0
    assert bench.write(registers.RETURN_DELAY, 0) == 0


def test_the_power_takes_working_memory_and_leaves_the_eeprom(bench: Bench) -> None:
    bench.write(registers.RETURN_DELAY, 3)
    bench.write(registers.BUS_WATCHDOG, 10)
    bench.write(registers.TORQUE_ENABLE, 1)
    bench.servo.power_on()
    assert bench.servo.get(registers.RETURN_DELAY) == 3
    assert bench.servo.get(registers.BUS_WATCHDOG) == bench.servo.get(registers.TORQUE_ENABLE) == 0
    assert bench.motors.torque == [False]


def test_a_factory_reset_keeps_what_it_is_told(bench: Bench) -> None:
    bench.write(registers.BAUD_CODE, 3)
    bench.write(registers.RETURN_DELAY, 3)
    assert bench.servo.factory_reset(b"\x02") == 0
    assert (bench.servo.servo_id, bench.servo.baud_hz) == (7, 1_000_000)
    assert bench.servo.get(registers.RETURN_DELAY) == 250
    assert bench.servo.factory_reset(b"\x01") == 0
    assert (bench.servo.servo_id, bench.servo.baud_hz) == (7, 57_600)
    assert bench.servo.factory_reset(b"") == StatusError.RANGE


def test_a_registered_write_waits_for_action(bench: Bench) -> None:
    assert bench.servo.action() == StatusError.INSTRUCTION
    bench.servo.reg_write(65, b"\x01")
    assert bench.servo.get(registers.REGISTERED) == 1
    assert bench.servo.get(registers.LED) == 0
    assert bench.servo.action() == 0
    assert bench.servo.get(registers.LED) == 1
    assert bench.servo.get(registers.REGISTERED) == 0


def test_clearing_wants_its_password(bench: Bench) -> None:
    assert bench.servo.clear(CLEAR_TURNS) == 0
    assert bench.servo.clear(b"\x01") == StatusError.RANGE


def test_the_homing_offset_is_added_to_what_is_measured_and_taken_off_goals(bench: Bench) -> None:
    bench.write(registers.HOMING_OFFSET, -100)
    bench.servo.measure()
    assert bench.servo.get(registers.PRESENT_POSITION) == 1948
    bench.write(registers.TORQUE_ENABLE, 1)
    bench.write(registers.GOAL_POSITION, 1948)
    assert bench.motors.positions_rad == [0.0]
    bench.write(registers.TORQUE_ENABLE, 0)
    bench.write(registers.HOMING_OFFSET, 1025)  # ignored in position mode
    bench.servo.measure()
    assert bench.servo.get(registers.PRESENT_POSITION) == 2048


def test_a_profile_takes_its_time(bench: Bench) -> None:
    bench.write(registers.PROFILE_VELOCITY, 100)  # 22.9 rev/min, 1563 ticks/s
    bench.write(registers.TORQUE_ENABLE, 1)
    bench.write(registers.GOAL_POSITION, 3048)
    bench.servo.advance(S + 320 * MS)
    assert bench.motors.positions_rad[0] == pytest.approx(500 * RAD_PER_TICK, abs=2 * RAD_PER_TICK)
    assert bench.servo.is_ramping
    bench.servo.advance(2 * S)
    assert bench.motors.positions_rad[0] == pytest.approx(1000 * RAD_PER_TICK)


def test_the_bus_watchdog_stops_a_servo_that_hears_nothing(bench: Bench) -> None:
    bench.write(registers.BUS_WATCHDOG, 5)  # 100 ms
    bench.servo.hear(2 * S)
    bench.servo.advance(3 * S)
    assert bench.servo.get(registers.BUS_WATCHDOG) == 5  # torque is off: nothing to stop
    bench.servo.hear(4 * S)
    bench.write(registers.TORQUE_ENABLE, 1)
    bench.write(registers.GOAL_POSITION, 3000)
    bench.servo.advance(4 * S + 100 * MS)
    assert bench.servo.get(registers.BUS_WATCHDOG) == 5
    bench.servo.advance(4 * S + 101 * MS)
    assert bench.servo.get(registers.BUS_WATCHDOG) == WATCHDOG_TRIPPED
    assert bench.write(registers.GOAL_POSITION, 1000) == StatusError.RANGE
    assert bench.motors.torque == [True]
    assert bench.write(registers.BUS_WATCHDOG, 0) == 0
    assert bench.write(registers.GOAL_POSITION, 1000) == 0


@pytest.mark.parametrize(("model", "limp"), [(1060, False), (1200, True)])
def test_a_weak_supply_shuts_down_where_the_factory_says_so(model: int, limp: bool) -> None:  # noqa: FBT001
    bench = Bench(model)
    bench.write(registers.TORQUE_ENABLE, 1)
    bench.servo.supply_v = 3.0
    bench.servo.advance(2 * S)
    assert bench.servo.get(registers.HARDWARE_ERROR) == HardwareError.VOLTAGE
    assert bench.servo.alert == 0x80
    assert bench.motors.torque == [not limp]


def test_after_a_shutdown_only_a_reboot_brings_torque_back(bench: Bench) -> None:
    bench.write(registers.TORQUE_ENABLE, 1)
    bench.servo.temperature_degc = 71.0
    bench.servo.advance(2 * S)
    assert bench.motors.torque == [False]
    bench.servo.temperature_degc = 30.0
    assert bench.write(registers.TORQUE_ENABLE, 1) == StatusError.RESULT
    bench.servo.reboot()
    assert bench.write(registers.TORQUE_ENABLE, 1) == 0
    assert bench.motors.torque == [True]


def test_a_load_that_lasts_is_an_overload(bench: Bench) -> None:
    bench.write(registers.TORQUE_ENABLE, 1)
    bench.motors.effort[0] = 1.0
    for ms in range(0, 1900, 100):
        bench.servo.advance(S + ms * MS)
    assert bench.servo.get(registers.HARDWARE_ERROR) == 0
    bench.servo.advance(S + 2200 * MS)
    assert bench.servo.get(registers.HARDWARE_ERROR) == HardwareError.OVERLOAD


def test_what_it_measures(bench: Bench) -> None:
    bench.write(registers.TORQUE_ENABLE, 1)
    bench.motors.effort[0] = -0.5
    bench.servo.supply_v, bench.servo.temperature_degc = 5.04, 41.2
    bench.servo.advance(S + 40_000 * MS)
    bench.servo.measure()
    assert bench.servo.get(registers.PRESENT_EFFORT) == -875  # of 1750 mA
    assert bench.servo.get(registers.PRESENT_VOLTAGE) == 50
    assert 37 <= bench.servo.get(registers.PRESENT_TEMPERATURE) <= 41
    assert bench.servo.get(registers.REALTIME_TICK) == 41_000 % 32_768
