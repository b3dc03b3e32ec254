"""The driver against emulated servos in lockstep: what it says, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest

from bench.arm_rigs.feetech_bench import CONFIG, POSE_RAD, Bench
from drivers.feetech import registers
from drivers.feetech.arm import TORQUE_LOOK_CYCLES, FeetechArm, bus_budget
from drivers.feetech.registers import RAD_PER_TICK
from interfaces.errors import BusTimeoutError, DeviceError, DeviceLostError, RefusedError
from interfaces.messages import JointVector


@pytest.fixture
def bench() -> Bench:
    return Bench()


def exchange_often(bench: Bench, times: int) -> None:
    for _ in range(times):
        bench.exchange(POSE_RAD)


def test_opening_moves_nothing_and_leaves_torque_as_it_was(bench: Bench) -> None:
    bench.motors.positions_rad[:] = POSE_RAD.tolist()
    state = bench.arm.open()
    assert state.position_rad == pytest.approx(POSE_RAD, abs=RAD_PER_TICK / 2)
    assert bench.motors.torque == [False] * 6
    assert bench.motors.positions_rad == POSE_RAD.tolist()


def test_holding_starts_from_the_measured_pose(bench: Bench) -> None:
    bench.motors.positions_rad[:] = POSE_RAD.tolist()
    bench.arm.open()
    bench.motors.positions_rad[2] = 1.0  # moved by hand after opening
    held = bench.arm.hold()
    assert bench.motors.torque == [True] * 6
    assert held.position_rad[2] == pytest.approx(1.0, abs=RAD_PER_TICK)
    assert bench.motors.positions_rad == pytest.approx(held.position_rad)


def test_targets_arrive_and_the_state_is_in_si_units(bench: Bench) -> None:
    bench.arm.open()
    bench.arm.hold()
    bench.motors.effort[1] = -0.5
    state = bench.exchange(POSE_RAD)
    assert bench.motors.positions_rad == pytest.approx(POSE_RAD, abs=RAD_PER_TICK / 2)
    assert state.position_rad == pytest.approx(POSE_RAD, abs=RAD_PER_TICK / 2)
    assert state.effort_ratio == pytest.approx([0, -0.5, 0, 0, 0, 0])
    assert state.voltage_v == pytest.approx([12, 11.8, 12, 12, 12, 12])
    assert state.temperature_degc == pytest.approx([25] * 6, abs=1)


@pytest.mark.parametrize(("phase_bits", "worth"), [(registers.PHASE_FINE_VELOCITY, 1), (0, 50)])
def test_velocities_are_signed_and_in_the_servos_own_unit(bench: Bench, phase_bits: int, worth: int) -> None:
    servo = bench.bus.servos[0]
    servo.save(registers.PHASE.address, bytes((phase_bits | registers.PHASE_ZERO_IS_FASTEST,)))
    bench.motors.velocity_rad_s = lambda index: [1.5, -0.75, 0, 0, 0, 0][index]
    state = (bench.arm.open(), bench.arm.hold(), bench.exchange(POSE_RAD))[-1]
    assert state.velocity_rad_s[0] == pytest.approx(1.5 * worth, abs=worth * RAD_PER_TICK)
    assert state.velocity_rad_s[1] == pytest.approx(-0.75, abs=RAD_PER_TICK)


def test_a_cycle_takes_the_wire_time_and_no_more(bench: Bench) -> None:
    bench.arm.open()
    bench.arm.hold()
    bench.exchange(POSE_RAD)
    n_bytes = 26 + 14 + 6 * 14  # sync write, sync read, answers; 10 us each at 1 Mbit/s, and 10 us of pause a servo
    assert bench.port.now_ns() - bench.t_now_ns == n_bytes * 10_000 + 6 * 10_000


def test_the_bytes_of_a_cycle_by_hand() -> None:
    # Sync write of 6 goals: header 2, id, length, instruction, address, count, 6 x (id, 2 bytes), checksum.
    # Sync read: header 2, id, length, instruction, address, count, 6 ids, checksum. Six answers of 6 + 8 bytes.
    n_bytes = (7 + 6 * 3 + 1) + (7 + 6 + 1) + 6 * 14
    assert bus_budget(CONFIG).busy_ns == n_bytes * 10_000 + 6 * 60_000


def test_a_rate_that_the_bus_cannot_carry_is_refused_with_the_reason() -> None:
    arm = FeetechArm(replace(CONFIG, rate_hz=500.0), Bench().port.open_port)
    with pytest.raises(RefusedError, match=r"takes 1\.60 ms .*124 bytes at 1 Mbit/s.* lower arm\.rate_hz to 4"):
        arm.open()


def test_direction_and_home_are_applied(bench: Bench) -> None:
    bench.set_joint(0, direction=-1, home_ticks=1948)
    bench.arm.open()
    bench.arm.hold()
    state = bench.exchange(POSE_RAD)
    assert bench.motors.positions_rad[0] == pytest.approx(-0.1 - 100 * RAD_PER_TICK, abs=RAD_PER_TICK)
    assert state.position_rad == pytest.approx(POSE_RAD, abs=RAD_PER_TICK / 2)


@pytest.mark.parametrize("offset_ticks", [-700, 85])
def test_a_homing_offset_left_in_a_servo_changes_nothing(bench: Bench, offset_ticks: int) -> None:
    bench.bus.servos[3].save(registers.HOMING_OFFSET.address, registers.HOMING_OFFSET.encode(offset_ticks))
    bench.motors.positions_rad[:] = POSE_RAD.tolist()
    assert bench.arm.open().position_rad == pytest.approx(POSE_RAD, abs=RAD_PER_TICK / 2)
    bench.arm.hold()
    bench.exchange(-POSE_RAD)
    assert bench.motors.positions_rad[3] == pytest.approx(0.4, abs=RAD_PER_TICK / 2)


def test_travel_across_the_encoders_seam_is_refused(bench: Bench) -> None:
    bench.bus.servos[3].save(registers.HOMING_OFFSET.address, registers.HOMING_OFFSET.encode(1500))
    with pytest.raises(
        DeviceError, match=r"servo 4 \(wrist_flex\) on servo-bus: its travel, -\d+..\d+ ticks, crosses the seam"
    ):
        bench.arm.open()


def test_a_joint_that_never_comes_to_zero_is_counted_on_the_turn_of_its_travel(bench: Bench) -> None:
    home_ticks = -300  # a zero that the encoder cannot show: the joint's stops are at 0.6 and 1.8 rad
    limits = {"position_min_rad": 0.6, "position_max_rad": 1.8, "rest_rad": 1.0}
    bench.set_joint(0, home_ticks=home_ticks + 4096, **limits)
    bench.motors.positions_rad[0] = (home_ticks - 2048) * RAD_PER_TICK + 1.0
    assert bench.arm.open().position_rad[0] == pytest.approx(1.0, abs=RAD_PER_TICK)


def test_settings_are_saved_once_and_the_eeprom_is_locked(bench: Bench) -> None:
    servo = bench.bus.servos[0]
    servo.save(registers.STATUS_LEVEL.address, b"\x00")
    servo.save(registers.POSITION_MIN.address, registers.POSITION_MIN.encode(1000))
    bench.set_joint(0, effort_max_ratio=0.4)
    bench.arm.open()
    assert servo.get(registers.LOCK) == 1
    assert servo.get(registers.TORQUE_LIMIT) == 400
    bench.bus.power_cycle()
    assert servo.get(registers.RETURN_DELAY) == 0
    assert servo.get(registers.STATUS_LEVEL) == 1
    assert servo.get(registers.POSITION_MIN) == 802  # -1.91 rad, which 1000 would have clipped in silence
    assert servo.get(registers.POSITION_MAX) == 4095  # wide enough: left alone


@pytest.mark.parametrize("model", [777, 521, 2825, 11272])
def test_models_of_the_series_are_driven_alike(bench: Bench, model: int) -> None:
    for servo in bench.bus.servos:
        servo.save(registers.MODEL_NUMBER.address, registers.MODEL_NUMBER.encode(model))
    bench.arm.open()
    bench.arm.hold()
    assert bench.exchange(POSE_RAD).position_rad == pytest.approx(POSE_RAD, abs=RAD_PER_TICK / 2)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (1284, r"model 1284, SCS0009, which this driver cannot drive: the SCS series is big endian"),
        (4711, r"model 4711, which this driver does not know; it knows 777 STS3215, 521 STS3032 or STS3036"),
    ],
)
def test_another_model_is_refused(bench: Bench, model: int, said: str) -> None:
    bench.bus.servos[4].save(registers.MODEL_NUMBER.address, registers.MODEL_NUMBER.encode(model))
    with pytest.raises(DeviceError, match=r"servo 5 \(wrist_roll\) on servo-bus is " + said):
        bench.arm.open()


def test_each_setting_is_written_and_read_back(bench: Bench) -> None:
    servo = bench.bus.servos[2]
    servo.write(registers.ACCELERATION.address, b"\x20")
    servo.write(registers.GOAL_SPEED.address, b"\x10\x00")
    servo.save(registers.PHASE.address, bytes((registers.PHASE_FINE_VELOCITY,)))  # where 0 stands still
    bench.set_joint(2, effort_max_ratio=0.55)
    bench.arm.open()
    kept = {register: servo.get(register) for register in (registers.ACCELERATION, registers.GOAL_TIME)}
    assert set(kept.values()) == {0}
    assert servo.get(registers.GOAL_SPEED) == 3400
    assert servo.get(registers.TORQUE_LIMIT) == 550
    assert servo.get(registers.LOCK) == 1


def test_a_setting_that_a_servo_does_not_take_is_named(bench: Bench) -> None:
    servo = bench.bus.servos[2]
    write = servo.write

    def refusing(address: int, data: bytes) -> None:
        if address != registers.TORQUE_LIMIT.address:
            write(address, data)

    servo.write = refusing
    bench.set_joint(2, effort_max_ratio=0.55)
    with pytest.raises(DeviceError, match=r"servo 3 .*: register 48 was set to 550 and reads 1000"):
        bench.arm.open()


def test_another_mode_is_refused(bench: Bench) -> None:
    bench.bus.servos[4].save(registers.OPERATING_MODE.address, b"\x01")
    with pytest.raises(DeviceError, match=r"servo 5 .* operating mode 1"):
        bench.arm.open()


def test_missing_servos_are_named(bench: Bench) -> None:
    bench.bus.faults.silent_ids |= {2, 6}
    with pytest.raises(BusTimeoutError, match=r"servo 2 \(shoulder_lift\).*servo 6 \(gripper\).*4 of 6 servos answer"):
        bench.arm.open()


def test_a_servo_that_misses_the_first_questions_is_looked_for_again(bench: Bench) -> None:
    bench.bus.faults.n_drop = 3  # all of the first servo's
    assert bench.arm.open().position_rad == pytest.approx(np.zeros(6), abs=RAD_PER_TICK)


def test_targets_before_hold_are_refused(bench: Bench) -> None:
    with pytest.raises(DeviceLostError, match="not open"):
        bench.arm.read()
    bench.arm.open()
    with pytest.raises(RefusedError, match="before hold"):
        bench.arm.exchange(POSE_RAD)
    bench.arm.hold()
    bench.arm.release()
    assert bench.motors.torque == [False] * 6
    with pytest.raises(RefusedError, match="before hold"):
        bench.arm.exchange(POSE_RAD)


@pytest.mark.parametrize("targets", [np.full(6, np.nan), np.zeros(5), np.array([0, 0, np.inf, 0, 0, 0])])
def test_targets_that_are_none_are_refused(bench: Bench, targets: JointVector) -> None:
    bench.arm.open()
    bench.arm.hold()
    before = list(bench.motors.positions_rad)
    with pytest.raises(RefusedError, match="not 6 finite numbers"):
        bench.arm.exchange(targets)
    assert bench.motors.positions_rad == before


def test_a_pose_that_the_servo_would_clip_is_not_held(bench: Bench) -> None:
    servo = bench.bus.servos[0]
    servo.save(registers.POSITION_MAX.address, registers.POSITION_MAX.encode(3300))
    bench.motors.positions_rad[0] = 2.2
    bench.arm.open()
    with pytest.raises(
        DeviceError, match=r"servo 1 \(shoulder_pan\) .* stands at 3482 ticks, outside its own limits 0..3300"
    ):
        bench.arm.hold()
    assert bench.motors.positions_rad[0] == 2.2


def test_a_servos_fault_is_raised_with_its_values(bench: Bench) -> None:
    bench.arm.open()
    bench.arm.hold()
    bench.bus.servos[2].supply_v = 3.5
    with pytest.raises(
        DeviceError, match=r"servo 3 \(elbow_flex\) on servo-bus reports voltage \(load 0%, 3.5 V, 25 degC\)"
    ):
        bench.exchange(POSE_RAD)


def test_an_overload_ends_with_holding_where_the_arm_is(bench: Bench) -> None:
    bench.arm.open()
    bench.arm.hold()
    bench.motors.effort[5] = 1.0
    for _ in range(150):  # 1.7 s are forgiven
        bench.exchange(POSE_RAD)
    bench.t_now_ns += 10**9
    bench.bus.advance(bench.t_now_ns)
    with pytest.raises(DeviceError, match=r"servo 6 \(gripper\) on servo-bus reports overload"):
        bench.exchange(POSE_RAD)
    bench.arm.close()
    bench.arm.open()
    bench.motors.effort[5] = 0.1
    bench.arm.hold()
    assert bench.exchange(POSE_RAD).effort_ratio[5] == pytest.approx(0.1)


def test_a_fault_that_lasts_is_not_held_over(bench: Bench) -> None:
    bench.arm.open()
    bench.bus.servos[0].temperature_degc = 90.0
    with pytest.raises(DeviceError, match=r"servo 1 .* reports overheat"):
        bench.arm.hold()
    assert bench.motors.torque == [False] * 6


def test_a_servo_that_lost_its_power_for_a_moment_is_found_limp(bench: Bench) -> None:
    bench.arm.open()
    bench.arm.hold()
    exchange_often(bench, 100)
    bench.bus.servos[3].power_on()
    with pytest.raises(DeviceError, match=r"servo 4 \(wrist_flex\) on servo-bus hangs limp"):
        exchange_often(bench, 6 * TORQUE_LOOK_CYCLES)
    with pytest.raises(DeviceError, match="hangs limp"):  # until somebody makes it hold again
        bench.exchange(POSE_RAD)
    bench.arm.hold()
    exchange_often(bench, 100)
