"""The driver against emulated servos in lockstep: what it says, what it refuses, and what it writes into the servos."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.arm_rigs.dynamixel import koch_arm
from drivers import dynamixel_registers as registers
from drivers.dynamixel import LOOK_CYCLES, LOOKS, DynamixelArm, bus_budget
from drivers.dynamixel_registers import RAD_PER_TICK, RAD_S_PER_COUNT, HardwareError, Register
from interfaces.arm_config import DynamixelConfig
from interfaces.errors import BusTimeoutError, DeviceError, DeviceLostError, RefusedError
from interfaces.messages import JointState, JointVector
from sim.dynamixel_bus import DynamixelServoBus
from sim.dynamixel_bus_process import koch_servos
from sim.dynamixel_emulator import EmulatedDynamixel
from sim.lockstep_serial import LockstepSerial
from sim.servo_bus_process import RigidActuators

CONFIG = replace(koch_arm(), port="dynamixel-bus")
PERIOD_NS = CONFIG.period_ns
POSE_RAD = np.array([0.1, -0.2, 0.3, -0.4, 0.5, 0.6])


class Bench:
    """An arm joined to six servos on a virtual clock."""

    def __init__(self, config: DynamixelConfig = CONFIG) -> None:
        self.motors = RigidActuators(6)
        self.bus = DynamixelServoBus(koch_servos(self.motors))
        self.t_now_ns = 10**9
        self.port = LockstepSerial(self.bus, lambda: self.t_now_ns)
        self.arm = DynamixelArm(config, self.port.open_port)

    def servo(self, servo_id: int) -> EmulatedDynamixel:
        return self.bus.servos[servo_id - 1]

    def wait(self, duration_ns: int) -> None:
        self.t_now_ns = self.port.now_ns() + duration_ns
        self.bus.advance(self.t_now_ns)

    def exchange(self, position_rad: JointVector = POSE_RAD) -> JointState:
        self.wait(PERIOD_NS)
        return self.arm.exchange(position_rad)

    def exchange_often(self, times: int) -> None:
        for _ in range(times):
            self.exchange()

    def set_joint(self, index: int, **changes: Any) -> None:
        joints = list(CONFIG.joints)
        joints[index] = replace(joints[index], **changes)
        self.arm = DynamixelArm(replace(CONFIG, joints=tuple(joints)), self.port.open_port)


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
    held.exchange()
    # Sync write: 7 before the instruction, instruction, address 2, count 2, 6 x (id, 4), crc 2. Fast sync read: the same, 6 ids.
    # Fast answer: 8 before the blocks, 6 x (error, id, 21, crc 2). 10 us a byte, and 10 us until the first servo answers.
    n_bytes = (12 + 6 * 5 + 2) + (12 + 6 + 2) + (8 + 6 * 25)
    assert held.port.now_ns() - held.t_now_ns == n_bytes * 10_000 + 10_000


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


@pytest.mark.parametrize("offset_ticks", [-700, 85, 1024])
def test_a_homing_offset_left_in_a_servo_changes_nothing(bench: Bench, offset_ticks: int) -> None:
    bench.servo(4).save(registers.HOMING_OFFSET, offset_ticks)
    bench.set_joint(3, position_min_rad=-0.5, position_max_rad=0.5)
    bench.motors.positions_rad[:] = POSE_RAD.tolist()
    assert bench.arm.open().position_rad == pytest.approx(POSE_RAD, abs=RAD_PER_TICK / 2)
    bench.arm.hold()
    bench.exchange(-POSE_RAD)
    assert bench.motors.positions_rad[3] == pytest.approx(0.4, abs=RAD_PER_TICK / 2)
    assert bench.servo(4).get(registers.HOMING_OFFSET) == offset_ticks


def test_a_homing_offset_that_the_servo_ignores_is_ignored(bench: Bench) -> None:
    bench.servo(4).save(registers.HOMING_OFFSET, 2000)
    bench.motors.positions_rad[:] = POSE_RAD.tolist()
    assert bench.arm.open().position_rad == pytest.approx(POSE_RAD, abs=RAD_PER_TICK / 2)


def test_travel_across_the_seam_is_refused(bench: Bench) -> None:
    bench.servo(4).save(registers.HOMING_OFFSET, 1024)
    with pytest.raises(
        DeviceError, match=r"servo 4 \(wrist_flex\) on dynamixel-bus: its travel, \d+..4181 ticks, crosses"
    ):
        bench.arm.open()


def test_settings_are_saved_once_and_limits_only_widened(bench: Bench) -> None:
    servo = bench.servo(1)
    servo.save(registers.POSITION_MIN, 1000)
    bench.set_joint(0, effort_max_ratio=0.4)
    bench.arm.open()
    assert servo.get(registers.GOAL_PWM) == 354
    assert servo.get(registers.PROFILE_VELOCITY) == 0
    bench.bus.power_cycle()
    assert servo.get(registers.RETURN_DELAY) == 0
    assert servo.get(registers.POSITION_MIN) == 809  # -1.9 rad, beyond 1000, where goals would have been ignored
    assert servo.get(registers.POSITION_MAX) == 4095  # wide enough: left alone


def test_a_profile_of_its_own_is_taken_away(bench: Bench) -> None:
    bench.servo(3).save(registers.PROFILE_VELOCITY, 20)
    bench.servo(3).save(registers.PROFILE_ACCELERATION, 5)
    bench.arm.open()
    bench.arm.hold()
    bench.exchange()
    assert bench.motors.positions_rad[2] == pytest.approx(0.3, abs=RAD_PER_TICK / 2)


def test_settings_of_a_servo_that_holds_are_not_forced(bench: Bench) -> None:
    bench.servo(6).save(registers.TORQUE_ENABLE, 1)
    with pytest.raises(RefusedError, match=r"servo 6 \(gripper\) .* settings at 9 have to be changed, and it holds"):
        bench.arm.open()
    assert bench.servo(6).get(registers.TORQUE_ENABLE) == 1
    bench.servo(6).save(registers.RETURN_DELAY, 0)  # nothing to change: nothing to refuse
    bench.arm.open()


@pytest.mark.parametrize("level", [0, 1])
def test_a_servo_that_hardly_answers_is_made_to(bench: Bench, level: int) -> None:
    bench.servo(2).save(registers.STATUS_LEVEL, level)
    bench.arm.open()
    assert bench.servo(2).get(registers.STATUS_LEVEL) == 2


@pytest.mark.parametrize(
    ("register", "value", "why"),
    [
        (registers.MODEL_NUMBER, 350, r"is model 350; expected a Dynamixel of the X series"),
        (registers.OPERATING_MODE, 1, r"is in operating mode 1, velocity; expected 3, position"),
        (registers.OPERATING_MODE, 4, r"is in operating mode 4, extended position; expected 3"),
        (registers.DRIVE_MODE, 1, r"is reversed; clear bit 0 of its drive mode, and turn `direction`"),
        (registers.DRIVE_MODE, 2, r"is a slave of another servo"),
        (registers.DRIVE_MODE, 8, r"is switched on by any goal"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(bench: Bench, register: Register, value: int, why: str) -> None:
    bench.servo(5).save(register, value)
    with pytest.raises(DeviceError, match=rf"servo 5 \(wrist_roll\) on dynamixel-bus {why}"):
        bench.arm.open()


def test_a_profile_by_time_is_no_reason_to_refuse(bench: Bench) -> None:
    bench.servo(5).save(registers.DRIVE_MODE, 4)
    bench.arm.open()


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


def test_one_servo_that_stopped_alone_is_found(held: Bench) -> None:
    held.servo(2).save(registers.BUS_WATCHDOG, registers.WATCHDOG_TRIPPED)
    with pytest.raises(DeviceError, match=r"servo 2 \(shoulder_lift\) on dynamixel-bus stopped by itself"):
        held.exchange_often(len(LOOKS) * 6 * LOOK_CYCLES)


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
