"""Homing offsets in emulated servos of both families: bare counts, all servos or none."""

from __future__ import annotations

import numpy as np
import pytest

from drivers.feetech import registers as feetech
from drivers.open_devices import open_arm
from drivers.open_homing import open_homing
from interfaces.errors import BusTimeoutError, DeviceError, DeviceLostError, RefusedError
from tests.drivers.homing_bench import FAMILIES, OLD, TURN, WANTED, HomingBench, new, old


@pytest.fixture(params=FAMILIES)
def bench(request: pytest.FixtureRequest) -> HomingBench:
    return HomingBench(request.param)


def test_bare_counts_are_those_of_the_encoders_whatever_offset_a_servo_keeps(bench: HomingBench) -> None:
    true = np.array([0, 1, 4095, 2048, 100, 3000])
    bench.motors.positions_rad[:] = ((true - 2048) * 2 * np.pi / TURN).tolist()
    bench.homing.open()
    np.testing.assert_array_equal(bench.homing.encoder_ticks(), true)
    bench.homing.write_offsets(WANTED)
    np.testing.assert_array_equal(bench.homing.encoder_ticks(), true)
    homes = bench.homing.homes_with(WANTED)
    for servo, count, home in zip(bench.bus.servos, true.tolist(), homes.tolist(), strict=True):
        servo.measure()
        assert (servo.get(bench.registers.PRESENT_POSITION) - (count - home)) % TURN == 0


def test_offsets_and_whole_limits_are_kept_over_the_power(bench: HomingBench) -> None:
    bench.homing.open()
    assert [motor.homing_offset for motor in bench.homing.identity()] == OLD.tolist()
    bench.homing.write_offsets(WANTED)
    assert [motor.homing_offset for motor in bench.homing.identity()] == WANTED.tolist()
    assert bench.kept() == new()


def test_opening_and_reading_write_nothing_and_leave_torque(bench: HomingBench) -> None:
    bench.motors.torque[2] = True
    bench.bus.servos[2].write(bench.registers.TORQUE_ENABLE.address, b"\x01")
    before = [servo.read(0, 128) for servo in bench.bus.servos]
    bench.homing.open()
    assert bench.homing.torque() == (False, False, True, False, False, False)
    bench.homing.encoder_ticks()
    bench.homing.identity()
    bench.homing.close()
    assert bench.motors.torque == [False, False, True, False, False, False]
    changed = [
        {i for i, (a, b) in enumerate(zip(was, servo.read(0, 128), strict=True)) if a != b}
        for was, servo in zip(before, bench.bus.servos, strict=True)
    ]
    measured = set(range(56, 71)) if bench.registers is feetech else set(range(120, 128))
    assert all(each <= measured for each in changed)


def test_servos_that_drive_are_refused_and_released_ones_are_not(bench: HomingBench) -> None:
    bench.homing.open()
    bench.bus.servos[3].write(bench.registers.TORQUE_ENABLE.address, b"\x01")
    with pytest.raises(RefusedError, match=bench.config.joints[3].name):
        bench.homing.write_offsets(WANTED)
    bench.homing.release()
    assert not any(bench.homing.torque())
    bench.homing.write_offsets(WANTED)
    assert bench.kept() == new()


@pytest.mark.parametrize("wrong", [1, -1])
def test_an_offset_that_does_not_fit_is_refused_and_none_is_written(bench: HomingBench, wrong: int) -> None:
    bench.homing.open()
    most = bench.homing.offset_max_ticks
    bench.homing.write_offsets(np.array([most, -most, 0, 0, 0, 0]))
    with pytest.raises(RefusedError, match=rf"{bench.config.joints[4].name}.*{wrong * (most + 1)}"):
        bench.homing.write_offsets(np.array([1, 1, 1, 1, wrong * (most + 1), 1]))
    with pytest.raises(RefusedError, match="5 homing offsets for 6"):
        bench.homing.write_offsets(WANTED[:5])
    assert bench.kept_offsets() == [most, -most, 0, 0, 0, 0]


def test_missing_servos_are_named_and_a_closed_bus_is_lost(bench: HomingBench) -> None:
    bench.bus.faults.silent_ids.add(2)
    with pytest.raises(BusTimeoutError, match=bench.config.joints[1].name):
        bench.homing.open()
    for call in (bench.homing.encoder_ticks, bench.homing.identity, bench.homing.torque, bench.homing.release):
        with pytest.raises(DeviceLostError):
            call()
    bench.bus.faults.silent_ids.clear()
    bench.homing.open()
    bench.homing.encoder_ticks()


def test_an_arm_is_where_it_was_after_its_servos_count_anew(bench: HomingBench) -> None:
    bench.motors.positions_rad[:] = [0.1, -0.2, 0.3, -0.1, 0.2, 0.3]
    bench.homing.open()
    bench.homing.write_offsets(np.array([20, -30, 40, -50, 60, 0]))
    bench.homing.close()
    bench.bus.power_cycle()
    arm = open_arm(bench.config, bench.port.open_port)
    assert arm.open().position_rad == pytest.approx(
        bench.config.vector("direction") * np.array(bench.motors.positions_rad), abs=2e-3
    )
    placed = list(bench.motors.positions_rad)
    arm.hold()
    assert bench.motors.positions_rad == pytest.approx(placed, abs=2e-3)


def test_a_servo_that_does_not_keep_what_it_is_told_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = HomingBench("feetech")
    bench.homing.open()
    fifth = bench.bus.servos[4]
    write = fifth.write

    def forgetful(address: int, data: bytes) -> None:
        if address != feetech.HOMING_OFFSET.address:
            write(address, data)

    monkeypatch.setattr(fifth, "write", forgetful)
    with pytest.raises(DeviceError, match=rf"{bench.config.joints[4].name}.*register 31 was set to -1024 and reads 0"):
        bench.homing.write_offsets(WANTED)
    assert bench.kept() == old()


def test_motors_that_keep_no_offset_have_no_homing() -> None:
    from bench.arm_rigs import RIGS

    for name in ("damiao", "cia402", "odrive", "robstride"):
        assert open_homing(RIGS[name]().config) is None
