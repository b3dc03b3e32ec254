"""One servo: memory that forgets and remembers, and a motor that does what was written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.feetech import registers
from drivers.feetech.protocol import PARAMETERS_MAX, RECENTRE_TORQUE, ServoFault
from drivers.feetech.registers import RAD_PER_TICK, Register
from sim.feetech.bus_process import RigidActuators
from sim.feetech.emulator import EmulatedServo

MS = 1_000_000
S = 1_000_000_000


class Bench:
    """A servo with id 1 on a motor without a load."""

    def __init__(self) -> None:
        self.motor = RigidActuators(1)
        self.servo = EmulatedServo(1, 0, self.motor)
        self.servo.advance(0)

    def write(self, register: Register, value: int) -> None:
        self.servo.write(register.address, register.encode(value))

    def error_at(self, t_now_ns: int) -> int:
        self.servo.advance(t_now_ns)
        return self.servo.measure()

    @property
    def motor_ticks(self) -> float:
        return 2048 + self.motor.positions_rad[0] / RAD_PER_TICK


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_it_comes_from_the_factory_as_an_sts3215(bench: Bench) -> None:
    assert bench.servo.get(registers.MODEL_NUMBER) == 777
    assert bench.servo.read(registers.MODEL_NUMBER.address, 2) == bytes((9, 3))
    assert (bench.servo.servo_id, bench.servo.baud_hz, bench.servo.return_delay_ns) == (1, 1_000_000, 500_000)
    assert bench.servo.get(registers.TORQUE_ENABLE) == 0


def test_eeprom_written_while_locked_lasts_until_the_power_goes(bench: Bench) -> None:
    bench.write(registers.RETURN_DELAY, 7)
    assert bench.servo.get(registers.RETURN_DELAY) == 7
    bench.servo.power_on()
    assert bench.servo.get(registers.RETURN_DELAY) == 250


def test_eeprom_written_unlocked_outlasts_the_power(bench: Bench) -> None:
    bench.write(registers.LOCK, 0)
    bench.write(registers.RETURN_DELAY, 7)
    bench.servo.power_on()
    assert bench.servo.get(registers.RETURN_DELAY) == 7
    assert bench.servo.get(registers.LOCK) == 1


def test_a_factory_reset_keeps_the_id(bench: Bench) -> None:
    bench.write(registers.LOCK, 0)
    bench.write(registers.SERVO_ID, 9)
    bench.write(registers.RETURN_DELAY, 7)
    bench.servo.factory_reset()
    assert (bench.servo.servo_id, bench.servo.get(registers.RETURN_DELAY)) == (9, 250)


def test_what_is_measured_cannot_be_written(bench: Bench) -> None:
    before = bench.servo.read(0, registers.MEMORY_BYTES)
    bench.servo.write(registers.PRESENT_POSITION.address, bytes(20))
    bench.servo.write(0, bytes(5))
    assert bench.servo.read(0, registers.MEMORY_BYTES) == before


def test_goals_move_only_with_torque(bench: Bench) -> None:
    bench.write(registers.GOAL_POSITION, 1000)
    assert bench.motor_ticks == 2048
    bench.write(registers.TORQUE_ENABLE, 1)
    assert bench.motor.torque == [True]
    assert bench.motor_ticks == pytest.approx(1000)


def test_goals_are_clipped_to_the_limits(bench: Bench) -> None:
    bench.write(registers.POSITION_MAX, 3000)
    bench.write(registers.TORQUE_ENABLE, 1)
    bench.write(registers.GOAL_POSITION, 3500)
    assert bench.motor_ticks == pytest.approx(3000)


@given(position_ticks=st.integers(0, 4095), offset_ticks=st.integers(-2047, 2047))
def test_position_is_twelve_bits_less_the_homing_offset(position_ticks: int, offset_ticks: int) -> None:
    bench = Bench()
    bench.motor.positions_rad[0] = (position_ticks - 2048 + 0.4) * RAD_PER_TICK
    bench.write(registers.HOMING_OFFSET, offset_ticks)
    bench.error_at(MS)
    assert bench.servo.get(registers.PRESENT_POSITION) == (position_ticks - offset_ticks) % 4096


def test_torque_128_makes_here_the_centre_for_good(bench: Bench) -> None:
    bench.motor.positions_rad[0] = 300 * RAD_PER_TICK
    bench.write(registers.TORQUE_ENABLE, RECENTRE_TORQUE)
    bench.error_at(MS)
    assert bench.servo.get(registers.PRESENT_POSITION) == 2048
    assert bench.servo.get(registers.HOMING_OFFSET) == 300
    assert bench.servo.get(registers.TORQUE_ENABLE) == 0
    bench.servo.power_on()
    assert bench.servo.get(registers.HOMING_OFFSET) == 300
    assert bench.motor_ticks == pytest.approx(2348)  # nothing moved


def test_a_goal_speed_is_kept(bench: Bench) -> None:
    bench.write(registers.GOAL_SPEED, 1000)
    bench.write(registers.TORQUE_ENABLE, 1)
    bench.write(registers.GOAL_POSITION, 3048)
    ticks = [_ticks_at(bench, t_ms) for t_ms in range(0, 1200, 100)]
    assert ticks[:11] == pytest.approx([2048 + 100 * k for k in range(11)])
    assert ticks[11] == 3048
    assert not bench.servo.is_ramping


def test_an_acceleration_is_kept_and_the_goal_not_passed(bench: Bench) -> None:
    bench.write(registers.ACCELERATION, 20)  # 2000 ticks/s^2
    bench.write(registers.TORQUE_ENABLE, 1)
    bench.write(registers.GOAL_POSITION, 3048)
    ticks = [_ticks_at(bench, t_ms) for t_ms in range(0, 2000, 10)]
    accelerations = [(c - 2 * b + a) / 0.01**2 for a, b, c in zip(ticks, ticks[1:], ticks[2:], strict=False)]
    assert max(accelerations) <= 2000 * 1.001
    assert max(ticks) <= 3048 + 1e-6
    assert ticks[-1] == pytest.approx(3048)
    # Half the way speeding up, half slowing down: 2 * sqrt(1000 / 2000) = 1.41 s.
    assert next(i for i, value in enumerate(ticks) if value > 3047) * 0.01 == pytest.approx(1.41, abs=0.1)


def _ticks_at(bench: Bench, t_ms: int) -> float:
    bench.servo.advance(t_ms * MS)
    return bench.motor_ticks


def test_overload_is_forgiven_for_two_seconds_and_then_ends_in_little_torque(bench: Bench) -> None:
    bench.write(registers.TORQUE_ENABLE, 1)
    bench.motor.effort[0] = -0.9
    errors = [bench.error_at(t * 100 * MS) for t in range(25)]
    assert errors[19] == 0
    assert errors[24] == ServoFault.OVERLOAD
    assert bench.motor.effort_limit_ratio == [pytest.approx(0.2)]
    assert bench.servo.get(registers.PRESENT_LOAD) == -900
    bench.motor.effort[0] = 0.0
    assert bench.error_at(3 * S) == ServoFault.OVERLOAD  # until torque is written again
    bench.write(registers.TORQUE_ENABLE, 0)
    assert bench.error_at(4 * S) == 0
    assert bench.motor.effort_limit_ratio == [1.0]


def test_a_motor_at_work_warms_up_and_complains(bench: Bench) -> None:
    bench.write(registers.TORQUE_ENABLE, 1)
    bench.motor.effort[0] = 1.0
    for t_s in range(1200):
        bench.error_at(t_s * S)
    assert bench.servo.get(registers.PRESENT_TEMPERATURE) == pytest.approx(84, abs=2)
    assert bench.error_at(1200 * S) & ServoFault.OVERHEAT


def test_the_torque_limit_reaches_the_motor(bench: Bench) -> None:
    bench.write(registers.TORQUE_LIMIT, 450)
    assert bench.motor.effort_limit_ratio == [pytest.approx(0.45)]


def test_voltage_outside_its_limits_is_an_error(bench: Bench) -> None:
    bench.servo.supply_v = 15.0
    assert bench.error_at(MS) == ServoFault.VOLTAGE
    assert bench.servo.get(registers.STATUS) == ServoFault.VOLTAGE
    assert bench.servo.get(registers.PRESENT_VOLTAGE) == 150


@given(st.integers(0, 255), st.binary(max_size=60))
def test_no_write_whatever_breaks_it(address: int, data: bytes) -> None:
    bench = Bench()
    bench.servo.write(address, data)
    bench.error_at(5 * MS)
    assert len(bench.servo.read(0, 250)) == PARAMETERS_MAX
