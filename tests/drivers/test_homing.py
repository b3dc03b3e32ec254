"""Homing offsets in emulated servos of both families: bare counts, all servos or none, whatever is lost or loses its power."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bench.arm_rigs.dynamixel import koch_arm
from bench.arm_rigs.feetech_bench import CONFIG
from drivers.dynamixel import registers as dynamixel
from drivers.feetech import registers as feetech
from drivers.homing import ServoHoming, Ticks
from drivers.open_devices import open_arm
from drivers.open_homing import open_homing
from interfaces.arm_config import ArmConfig
from interfaces.errors import BusTimeoutError, DeviceError, DeviceLostError, ForerunError, RefusedError
from sim.dynamixel.bus import DynamixelServoBus
from sim.dynamixel.emulator import EmulatedDynamixel
from sim.feetech.bus import ServoBus
from sim.feetech.bus_process import RigidActuators
from sim.feetech.emulator import EmulatedServo
from sim.serial.lockstep import LockstepSerial

N = 6
TURN = 4096
XL430 = 1060
WANTED = np.array([100, -200, 0, 1023, -1024, 7])
OLD = np.array([-5, 6, 7, 0, 0, 900])
OLD_LIMITS = (50, 4000)


class Meddler:
    """A port that lets something happen before its n-th order goes out, counted from 0; `n_orders` went out so far."""

    def __init__(self, port: LockstepSerial) -> None:
        self._port = port
        self.n_orders = 0
        self.at: int | None = None
        self.act: Callable[[], object] = lambda: None
        self.now_ns, self.read, self.discard, self.close = port.now_ns, port.read, port.discard, port.close

    def open_port(self, path: str, baud_hz: int) -> Meddler:
        self._port.open_port(path, baud_hz)
        return self

    def write(self, data: bytes) -> None:
        self.n_orders += 1
        if self.n_orders - 1 == self.at:
            self.act()
        self._port.write(data)


class Bench:
    """Six servos of one family with old homing offsets and limits in them, and a homing on them."""

    def __init__(self, family: str) -> None:
        self.motors = RigidActuators(N)
        self.config: ArmConfig
        if family == "feetech":
            self.registers: Any = feetech
            self.config = CONFIG
            self.bus: Any = ServoBus([EmulatedServo(1 + i, i, self.motors) for i in range(N)])
        else:
            self.registers = dynamixel
            self.config = koch_arm()
            servos = [EmulatedDynamixel(1 + i, i, self.motors, XL430) for i in range(N)]
            for servo in servos:
                servo.save(dynamixel.BAUD_CODE, dynamixel.BAUD_HZ_BY_CODE.index(self.config.baud_hz))
            self.bus = DynamixelServoBus(servos)
        for i, offset in enumerate(OLD.tolist()):
            for register, value in zip(self.settings, (offset, *OLD_LIMITS), strict=True):
                self.save(i, register, value)
        self._t_ns = 10**9
        self.port = Meddler(LockstepSerial(self.bus, lambda: self._t_ns))
        self.homing = self.again()

    @property
    def settings(self) -> tuple[Any, Any, Any]:
        return self.registers.HOMING_OFFSET, self.registers.POSITION_MIN, self.registers.POSITION_MAX

    def again(self) -> ServoHoming:
        homing = open_homing(self.config, self.port.open_port)
        assert homing is not None
        return homing

    def save(self, index: int, register: Any, value: int) -> None:
        servo = self.bus.servos[index]
        if self.registers is feetech:
            servo.save(register.address, register.encode(value))
        else:
            servo.save(register, value)

    def kept(self) -> list[tuple[int, int, int]]:
        """Offset and limits of each servo, as they are after the power was off."""
        self.bus.power_cycle()
        return [tuple(servo.get(register) for register in self.settings) for servo in self.bus.servos]

    def kept_offsets(self) -> list[int]:
        return [offset for offset, _, _ in self.kept()]


@pytest.fixture(params=["feetech", "dynamixel"])
def bench(request: pytest.FixtureRequest) -> Bench:
    return Bench(request.param)


def new(offsets: Ticks = WANTED) -> list[tuple[int, int, int]]:
    return [(offset, 0, TURN - 1) for offset in offsets.tolist()]


def old() -> list[tuple[int, int, int]]:
    return [(offset, *OLD_LIMITS) for offset in OLD.tolist()]


def test_bare_counts_are_those_of_the_encoders_whatever_offset_a_servo_keeps(bench: Bench) -> None:
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


def test_offsets_and_whole_limits_are_kept_over_the_power(bench: Bench) -> None:
    bench.homing.open()
    assert [motor.homing_offset for motor in bench.homing.identity()] == OLD.tolist()
    bench.homing.write_offsets(WANTED)
    assert [motor.homing_offset for motor in bench.homing.identity()] == WANTED.tolist()
    assert bench.kept() == new()


def test_opening_and_reading_write_nothing_and_leave_torque(bench: Bench) -> None:
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


def test_servos_that_drive_are_refused_and_released_ones_are_not(bench: Bench) -> None:
    bench.homing.open()
    bench.bus.servos[3].write(bench.registers.TORQUE_ENABLE.address, b"\x01")
    with pytest.raises(RefusedError, match=bench.config.joints[3].name):
        bench.homing.write_offsets(WANTED)
    bench.homing.release()
    assert not any(bench.homing.torque())
    bench.homing.write_offsets(WANTED)
    assert bench.kept() == new()


@pytest.mark.parametrize("wrong", [1, -1])
def test_an_offset_that_does_not_fit_is_refused_and_none_is_written(bench: Bench, wrong: int) -> None:
    bench.homing.open()
    most = bench.homing.offset_max_ticks
    bench.homing.write_offsets(np.array([most, -most, 0, 0, 0, 0]))
    with pytest.raises(RefusedError, match=rf"{bench.config.joints[4].name}.*{wrong * (most + 1)}"):
        bench.homing.write_offsets(np.array([1, 1, 1, 1, wrong * (most + 1), 1]))
    with pytest.raises(RefusedError, match="5 homing offsets for 6"):
        bench.homing.write_offsets(WANTED[:5])
    assert bench.kept_offsets() == [most, -most, 0, 0, 0, 0]


def test_missing_servos_are_named_and_a_closed_bus_is_lost(bench: Bench) -> None:
    bench.bus.faults.silent_ids.add(2)
    with pytest.raises(BusTimeoutError, match=bench.config.joints[1].name):
        bench.homing.open()
    for call in (bench.homing.encoder_ticks, bench.homing.identity, bench.homing.torque, bench.homing.release):
        with pytest.raises(DeviceLostError):
            call()
    bench.bus.faults.silent_ids.clear()
    bench.homing.open()
    bench.homing.encoder_ticks()


def test_an_arm_is_where_it_was_after_its_servos_count_anew(bench: Bench) -> None:
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


def n_orders_of_a_write(family: str) -> int:
    bench = Bench(family)
    bench.homing.open()
    bench.port.n_orders = 0
    bench.homing.write_offsets(WANTED)
    return bench.port.n_orders


EVERY_STEP = [(family, at) for family in ("feetech", "dynamixel") for at in range(n_orders_of_a_write(family))]
SOME_STEPS = EVERY_STEP[::5]


def assert_all_or_nothing(bench: Bench, error: ForerunError | None) -> None:
    """Either all servos have the new offsets, or all the old, or the error says which has what."""
    kept = bench.kept()
    if error is None:
        assert kept == new()
        return
    for index, (settings, joint) in enumerate(zip(kept, bench.config.joints, strict=True)):
        if settings != old()[index]:
            said = [part for part in str(error).split(";") if joint.name in part and "keeps a homing offset of" in part]
            assert said, f"{joint.name} has {settings}, and the error says: {error}"
            assert f" {settings[0]}" in said[0]


def attempted(bench: Bench) -> ForerunError | None:
    try:
        bench.homing.write_offsets(WANTED)
    except ForerunError as error:
        return error
    return None


@pytest.mark.parametrize(("family", "at"), EVERY_STEP)
def test_an_answer_that_is_lost_at_any_step_is_asked_for_again(family: str, at: int) -> None:
    bench = Bench(family)
    bench.homing.open()
    bench.port.n_orders, bench.port.at = 0, at
    bench.port.act = lambda: setattr(bench.bus.faults, "n_drop", 1)
    assert attempted(bench) is None
    assert bench.kept() == new()


@pytest.mark.parametrize(("family", "at"), EVERY_STEP)
def test_a_servo_that_loses_its_power_at_any_step_leaves_all_or_nothing(family: str, at: int) -> None:
    bench = Bench(family)
    bench.homing.open()
    bench.port.n_orders, bench.port.at = 0, at
    bench.port.act = lambda: [servo.power_on() for servo in bench.bus.servos]
    error = attempted(bench)
    assert_all_or_nothing(bench, error)
    if error is not None:
        assert bench.kept() == old()  # they are back at once, so nothing is left
        assert attempted(bench) is None  # and it can be tried again
        assert bench.kept() == new()


@pytest.mark.parametrize(("family", "at"), SOME_STEPS)
def test_a_servo_that_falls_silent_at_any_step_is_named_and_the_others_get_back_what_they_had(
    family: str, at: int
) -> None:
    bench = Bench(family)
    bench.homing.open()
    bench.port.n_orders, bench.port.at = 0, at
    bench.port.act = lambda: bench.bus.faults.silent_ids.add(4)
    error = attempted(bench)
    bench.bus.faults.silent_ids.clear()
    assert_all_or_nothing(bench, error)


@pytest.mark.parametrize(("family", "at"), SOME_STEPS)
def test_ctrl_c_at_any_step_leaves_what_was(family: str, at: int) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    bench = Bench(family)
    bench.homing.open()
    bench.port.n_orders, bench.port.at, bench.port.act = 0, at, interrupt
    with pytest.raises(KeyboardInterrupt):
        bench.homing.write_offsets(WANTED)
    assert bench.kept() == old()


@pytest.mark.parametrize(("family", "at"), SOME_STEPS)
def test_a_cable_that_is_pulled_is_a_lost_device_and_says_what_is_where(family: str, at: int) -> None:
    def pull() -> None:
        bench.port.at = bench.port.n_orders  # and every order from now on
        raise DeviceLostError("gone")

    bench = Bench(family)
    bench.homing.open()
    bench.port.n_orders, bench.port.at, bench.port.act = 0, at, pull
    error = attempted(bench)
    assert isinstance(error, DeviceLostError)
    bench.port.at = None
    assert_all_or_nothing(bench, error)


def test_a_servo_that_does_not_keep_what_it_is_told_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench("feetech")
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
