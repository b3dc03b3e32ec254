"""Giving servos another id, on emulated buses: kept over the power, verified, and never half done in silence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from drivers.dynamixel import registers as dynamixel
from drivers.feetech import registers as feetech
from drivers.find.dynamixel import DynamixelFamily
from drivers.find.feetech import FeetechFamily
from drivers.find.servo_id import require_new_id, set_servo_id
from drivers.find.servos import FoundServo, ServoFamily, ServoLine
from interfaces.errors import DeviceError, RefusedError
from sim.dynamixel.bus import DynamixelServoBus
from sim.dynamixel.emulator import EmulatedDynamixel
from sim.feetech.bus import ServoBus
from sim.feetech.bus_process import RigidActuators
from sim.feetech.emulator import EmulatedServo
from sim.serial.lockstep import LockstepSerial


@dataclass
class Bench:
    """One servo fresh from the factory on a line, whatever its family."""

    family: ServoFamily
    bus: ServoBus | DynamixelServoBus
    line: ServoLine
    actuators: RigidActuators
    power_cycle: Callable[[], None]
    switch_torque_on: Callable[[], None]

    @property
    def ids(self) -> list[int]:
        return [servo.servo_id for servo in self.bus.servos]

    def servo(self, servo_id: int = 1) -> FoundServo:
        servo = self.family.describe(self.line, servo_id)
        assert servo is not None
        return servo


def feetech_bench() -> Bench:
    actuators = RigidActuators(2)
    bus = ServoBus([EmulatedServo(1, 0, actuators)])
    line = ServoLine(LockstepSerial(bus, lambda: 0).open_port("bus", 1_000_000), 1_000_000)

    def torque() -> None:
        bus.servos[0].write(feetech.TORQUE_ENABLE.address, b"\x01")

    return Bench(FeetechFamily(), bus, line, actuators, bus.power_cycle, torque)


def dynamixel_bench() -> Bench:
    actuators = RigidActuators(2)
    bus = DynamixelServoBus([EmulatedDynamixel(1, 0, actuators)])
    line = ServoLine(LockstepSerial(bus, lambda: 0).open_port("bus", 57_600), 57_600)

    def torque() -> None:
        bus.servos[0].write(dynamixel.TORQUE_ENABLE.address, b"\x01")

    return Bench(DynamixelFamily(), bus, line, actuators, bus.power_cycle, torque)


@pytest.fixture(params=[feetech_bench, dynamixel_bench], ids=["feetech", "dynamixel"])
def bench(request: pytest.FixtureRequest) -> Bench:
    return request.param()


def test_the_new_id_outlasts_the_power(bench: Bench) -> None:
    renamed = set_servo_id(bench.line, bench.family, bench.servo(), 5)
    assert renamed.servo_id == 5
    assert renamed.model == bench.servo(5).model
    bench.power_cycle()
    assert bench.ids == [5]


def test_torque_is_off_before_and_stays_off(bench: Bench) -> None:
    bench.switch_torque_on()
    assert bench.actuators.torque[0]
    assert set_servo_id(bench.line, bench.family, bench.servo(), 9).torque is False
    assert not bench.actuators.torque[0]
    assert bench.ids == [9]


@pytest.mark.parametrize("n_lost", [1, 2])
@pytest.mark.parametrize("fault", ["n_drop", "n_corrupt"])
def test_answers_that_get_lost_do_not_leave_it_half_done(bench: Bench, fault: str, n_lost: int) -> None:
    servo = bench.servo()
    setattr(bench.bus.faults, fault, n_lost)
    set_servo_id(bench.line, bench.family, servo, 7)
    bench.power_cycle()
    assert bench.ids == [7]


def test_an_adapter_that_echoes_does_not_confuse_it(bench: Bench) -> None:
    servo = bench.servo()
    bench.bus.faults.echo = True
    assert set_servo_id(bench.line, bench.family, servo, 3).servo_id == 3
    assert bench.ids == [3]


def test_a_servo_that_is_gone_is_an_error(bench: Bench) -> None:
    servo = bench.servo()
    bench.bus.faults.silent_ids.add(1)
    with pytest.raises(DeviceError, match="servo 1"):
        set_servo_id(bench.line, bench.family, servo, 4)
    assert bench.ids == [1]


def test_the_feetech_eeprom_is_locked_again() -> None:
    bench = feetech_bench()
    set_servo_id(bench.line, bench.family, bench.servo(), 4)
    assert isinstance(bench.bus, ServoBus)
    assert bench.bus.servos[0].get(feetech.LOCK) == 1


def test_a_second_servo_that_shows_up_late_is_noticed() -> None:
    """Both have id 1: the first is renamed, since the other was deaf when it was told."""
    actuators = RigidActuators(2)
    bus = ServoBus([EmulatedServo(1, 0, actuators)])
    line = ServoLine(LockstepSerial(bus, lambda: 0).open_port("bus", 1_000_000), 1_000_000)
    family = FeetechFamily()

    class Late(FeetechFamily):
        def describe(self, line: ServoLine, servo_id: int) -> FoundServo | None:  # pyright: ignore[reportImplicitOverride]
            bus.servos.append(EmulatedServo(1, 1, actuators))
            return super().describe(line, servo_id)

    servo = family.describe(line, 1)
    assert servo is not None
    with pytest.raises(DeviceError, match="still answers to the old id 1"):
        set_servo_id(line, Late(), servo, 2)


@pytest.mark.parametrize("new_id", [-1, 254, 255, 1000])
def test_an_id_that_there_is_not_is_refused(bench: Bench, new_id: int) -> None:
    with pytest.raises(RefusedError, match=rf"id {new_id}: ids of .* servos are 0\.\.25[23]"):
        require_new_id(bench.servo(), bench.family, new_id)


def test_a_servo_whose_registers_are_not_known_is_refused() -> None:
    bench = feetech_bench()
    assert isinstance(bench.bus, ServoBus)
    bench.bus.servos[0].save(feetech.MODEL_NUMBER.address, (1284).to_bytes(2, "little"))
    with pytest.raises(RefusedError, match="SCS0009, whose registers are not known"):
        require_new_id(bench.servo(), bench.family, 2)
