"""The driver against emulated servos in lockstep: what it says, what it refuses, and what stops it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bench.arm_rigs.dynamixel import DynamixelRig, koch_arm
from bench.arm_rigs.trial import exchange
from drivers.dynamixel import registers
from drivers.dynamixel.arm import LOOK_CYCLES, LOOKS, DynamixelArm, bus_budget
from drivers.dynamixel.registers import RAD_PER_TICK, RAD_S_PER_COUNT, HardwareError
from interfaces.arm_config import DynamixelConfig
from interfaces.errors import BusTimeoutError, DeviceError, DeviceLostError, RefusedError
from interfaces.messages import JointState, JointVector
from sim.dynamixel.emulator import EmulatedDynamixel

CONFIG = replace(koch_arm(), port="dynamixel-bus")
PERIOD_NS = CONFIG.period_ns
POSE_RAD = np.array([0.1, -0.2, 0.3, -0.4, 0.5, 0.6])


class Bench(DynamixelRig):
    """An arm joined to six servos on a virtual clock."""

    def __init__(self, config: DynamixelConfig = CONFIG) -> None:
        super().__init__(config)

    def servo(self, servo_id: int) -> EmulatedDynamixel:
        return self.bus.servos[servo_id - 1]

    def exchange(self, position_rad: JointVector = POSE_RAD) -> JointState:
        return exchange(self, position_rad)

    def exchange_often(self, times: int) -> None:
        for _ in range(times):
            self.exchange()


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def held(bench: Bench) -> Bench:
    bench.arm.open()
    bench.arm.hold()
    return bench


def test_the_state_is_in_si_units(held: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    held.motors.effort[:] = [0.5, -0.5, 0.2, -1 / 1750, 0, 0]
    velocities_rad_s = [0.1, 0.1, 0.1, -3 * RAD_S_PER_COUNT, 0.1, 0.1]
    monkeypatch.setattr(held.motors, "velocity_rad_s", velocities_rad_s.__getitem__)
    state = held.exchange()
    assert held.motors.positions_rad == pytest.approx(POSE_RAD, abs=RAD_PER_TICK / 2)
    assert state.position_rad == pytest.approx(POSE_RAD, abs=RAD_PER_TICK / 2)
    assert state.effort_ratio == pytest.approx([0.5, -0.5, 0.2, -1 / 1750, 0, 0])
    assert state.velocity_rad_s == pytest.approx(velocities_rad_s, abs=0.012)
    assert state.voltage_v == pytest.approx([12, 12, 5, 5, 5, 5])
    assert state.temperature_degc == pytest.approx([25] * 6, abs=1)


@pytest.mark.parametrize("fast", [True, False])
def test_values_that_look_like_a_header_come_through(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    # A current of -1 and a velocity of -3 lie there as FF FF FD FF FF FF: stuffed in a plain answer, bare in a fast one.
    bench = Bench()
    for servo in bench.bus.servos:
        servo.knows_fast_reads = fast
    bench.arm.open()
    bench.arm.hold()
    bench.motors.effort[2:] = [-1 / 1750] * 4
    monkeypatch.setattr(bench.motors, "velocity_rad_s", ([-3 * RAD_S_PER_COUNT] * 6).__getitem__)
    state = bench.exchange()
    assert state.effort_ratio[2:] == pytest.approx([-1 / 1750] * 4)
    assert state.velocity_rad_s == pytest.approx([-3 * RAD_S_PER_COUNT] * 6)
    assert state.position_rad == pytest.approx(POSE_RAD, abs=RAD_PER_TICK / 2)


def test_a_cycle_takes_the_wire_time_and_no_more(held: Bench) -> None:
    held.wait(PERIOD_NS)
    t_start_ns = held.now_ns()
    held.arm.exchange(POSE_RAD)
    # Sync write: 7 before the instruction, instruction, address 2, count 2, 6 x (id, 4), crc 2. Fast sync read: the same, 6 ids.
    # Fast answer: 8 before the blocks, 6 x (error, id, 21, crc 2). 10 us a byte, and 10 us until the first servo answers.
    n_bytes = (12 + 6 * 5 + 2) + (12 + 6 + 2) + (8 + 6 * 25)
    assert held.now_ns() - t_start_ns == n_bytes * 10_000 + 10_000


def test_the_bytes_of_a_cycle_by_hand() -> None:
    fast = (12 + 6 * 5 + 2) + (12 + 6 + 2) + (8 + 6 * 25)
    plain = (12 + 6 * 5 + 2) + (12 + 6 + 2) + 6 * (11 + 21)
    assert bus_budget(CONFIG).busy_ns == fast * 10_000 + 6 * 60_000
    assert bus_budget(CONFIG, fast=False).busy_ns == plain * 10_000 + 6 * 60_000


def test_a_rate_that_only_the_fast_read_reaches_needs_servos_that_know_it() -> None:
    config = replace(CONFIG, rate_hz=260.0)
    bench = Bench(config)
    bench.arm.open()
    bench.servo(5).knows_fast_reads = False
    with pytest.raises(
        RefusedError, match=r"servo 5 \(wrist_roll\) .* knows no fast sync read: one cycle takes 2\.92 ms"
    ):
        DynamixelArm(config, bench.port.open_port).open()


def test_without_the_fast_read_it_works_as_well(bench: Bench) -> None:
    bench.servo(2).knows_fast_reads = False
    bench.arm.open()
    bench.arm.hold()
    for _ in range(3):
        assert bench.exchange().position_rad == pytest.approx(POSE_RAD, abs=RAD_PER_TICK / 2)


def test_missing_servos_are_named(bench: Bench) -> None:
    bench.bus.faults.silent_ids |= {2, 6}
    with pytest.raises(BusTimeoutError, match=r"servo 2 \(shoulder_lift\).*servo 6 \(gripper\).*4 of 6 servos answer"):
        bench.arm.open()


def test_calls_before_open_and_hold_are_refused(bench: Bench) -> None:
    with pytest.raises(DeviceLostError, match="dynamixel-bus is not open"):
        bench.arm.read()
    bench.arm.open()
    with pytest.raises(RefusedError, match="before hold"):
        bench.arm.exchange(POSE_RAD)


def test_a_pose_that_the_servo_would_not_hold_is_refused(bench: Bench) -> None:
    bench.servo(1).save(registers.POSITION_MAX, 3300)
    bench.motors.positions_rad[0] = 2.2
    bench.arm.open()
    with pytest.raises(DeviceError, match=r"servo 1 .* stands at 3482 ticks, outside its own limits 0..3300"):
        bench.arm.hold()
    assert bench.motors.positions_rad[0] == 2.2
    assert bench.motors.torque[0] is False


def test_targets_end_where_the_servo_would_ignore_them(held: Bench) -> None:
    state = held.exchange(np.array([9.0, -9.0, 0, 0, 0, 0]))
    assert state.position_rad[:2] == pytest.approx([2047 * RAD_PER_TICK, -2048 * RAD_PER_TICK])


def heat(bench: Bench) -> None:
    bench.servo(3).temperature_degc = 75.0


def weaken(bench: Bench) -> None:
    bench.servo(3).supply_v = 3.0


def shock(bench: Bench) -> None:
    bench.servo(3).fail(HardwareError.ELECTRICAL_SHOCK)


def push(bench: Bench) -> None:
    bench.motors.effort[2] = 1.0
    bench.exchange_often(150)


@pytest.mark.parametrize(
    ("harm", "named"), [(heat, "overheating"), (weaken, "voltage"), (shock, "electrical shock"), (push, "overload")]
)
def test_a_hardware_error_is_named_with_what_ends_it(held: Bench, harm: Callable[[Bench], None], named: str) -> None:
    harm(held)
    why = rf"servo 3 \(elbow_flex\) on dynamixel-bus reports a hardware error, {named}: .* reboot it"
    with pytest.raises(DeviceError, match=why):
        held.exchange_often(50)
    assert held.motors.torque == [True, True, False, True, True, True]
    with pytest.raises(DeviceError, match=why):  # it does not come back by itself, and is not rebooted by us
        held.arm.hold()
    held.motors.effort[2], held.servo(3).supply_v, held.servo(3).temperature_degc = 0.0, 5.0, 25.0
    held.servo(3).reboot()
    held.arm.hold()
    held.exchange()


def test_a_servo_that_lost_its_power_for_a_moment_is_found_limp(held: Bench) -> None:
    held.exchange_often(100)
    held.servo(4).power_on()
    n_round = len(LOOKS) * 6 * LOOK_CYCLES
    with pytest.raises(DeviceError, match=r"servo 4 \(wrist_flex\) on dynamixel-bus hangs limp"):
        held.exchange_often(n_round)
    with pytest.raises(DeviceError, match="hangs limp"):  # until somebody makes it hold again
        held.exchange()
    held.arm.hold()
    held.exchange_often(n_round)
    assert held.servo(4).get(registers.BUS_WATCHDOG) == 25  # what the power took is there again
    assert held.servo(4).get(registers.GOAL_PWM) == 885


def test_servos_that_hear_nothing_stop_and_start_anew_at_hold(held: Bench) -> None:
    assert held.servo(1).get(registers.BUS_WATCHDOG) == 25  # 500 ms
    held.exchange()
    held.wait(600 * 1_000_000)
    assert held.servo(1).get(registers.BUS_WATCHDOG) == registers.WATCHDOG_TRIPPED
    with pytest.raises(DeviceError, match=r"nothing was sent for \d+ ms, and the servos stop after 500 ms"):
        held.exchange(-POSE_RAD)
    assert held.motors.positions_rad == pytest.approx(POSE_RAD, abs=RAD_PER_TICK / 2)
    held.arm.hold()
    held.exchange(-POSE_RAD)
    assert held.motors.positions_rad == pytest.approx(-POSE_RAD, abs=RAD_PER_TICK / 2)


def test_an_arm_that_stopped_while_nobody_drove_it_can_be_opened_again(held: Bench) -> None:
    held.exchange()
    held.arm.close()
    held.wait(600 * 1_000_000)
    assert held.servo(1).get(registers.BUS_WATCHDOG) == registers.WATCHDOG_TRIPPED
    assert held.arm.open().position_rad == pytest.approx(POSE_RAD, abs=RAD_PER_TICK)
    assert held.motors.torque == [True] * 6
    assert held.motors.positions_rad == pytest.approx(POSE_RAD, abs=RAD_PER_TICK)
    held.arm.hold()
    held.exchange(-POSE_RAD)
    assert held.motors.positions_rad == pytest.approx(-POSE_RAD, abs=RAD_PER_TICK / 2)


def test_one_servo_that_stopped_alone_is_found(held: Bench) -> None:
    held.servo(2).save(registers.BUS_WATCHDOG, registers.WATCHDOG_TRIPPED)
    with pytest.raises(DeviceError, match=r"servo 2 \(shoulder_lift\) on dynamixel-bus stopped by itself"):
        held.exchange_often(len(LOOKS) * 6 * LOOK_CYCLES)


def test_after_a_silence_every_servo_is_looked_at_soon(held: Bench) -> None:
    held.exchange_often(3)
    held.bus.faults.silent_ids.add(5)
    with pytest.raises(BusTimeoutError):
        held.exchange()
    held.servo(5).power_on()
    held.bus.faults.silent_ids.clear()
    with pytest.raises(DeviceError, match=r"servo 5 \(wrist_roll\) on dynamixel-bus hangs limp"):
        held.exchange_often(len(LOOKS) * 6)


def test_without_a_time_out_the_servos_wait_for_ever() -> None:
    bench = Bench(replace(CONFIG, motor_timeout_ms=0.0))
    bench.arm.open()
    bench.arm.hold()
    bench.wait(10**10)
    bench.exchange()


def test_reading_alone_keeps_the_servos_going(held: Bench) -> None:
    for _ in range(20):
        held.wait(100 * 1_000_000)
        held.arm.read()
    held.exchange()


def test_release_leaves_what_is_silent_and_names_it(held: Bench) -> None:
    held.bus.faults.silent_ids.add(4)
    with pytest.raises(BusTimeoutError, match=r"servo 4 \(wrist_flex\) on dynamixel-bus: torque could not be disabled"):
        held.arm.release()
    assert held.motors.torque == [False, False, False, True, False, False]
