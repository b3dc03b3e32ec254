"""Six emulated servos that keep homing offsets, of either family, and a port at which anything may happen to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.arm_rigs.dynamixel import koch_arm
from bench.arm_rigs.feetech_bench import CONFIG
from drivers.dynamixel import registers as dynamixel
from drivers.feetech import registers as feetech
from drivers.homing import ServoHoming, Ticks
from drivers.open_homing import open_homing
from interfaces.arm_config import ArmConfig
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
FAMILIES = ("feetech", "dynamixel")


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


class HomingBench:
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
        self.save_old()
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

    def put_back(self) -> None:
        """Give the servos, whatever became of them, their old offsets and limits again, and open a new homing on them."""
        self.port.at = None
        self.bus.faults.silent_ids.clear()
        self.bus.faults.n_drop = 0
        self.save_old()
        self.bus.power_cycle()
        self.homing = self.again()
        self.homing.open()

    def save_old(self) -> None:
        """Put the old offsets and limits where they outlast the power."""
        for i, offset in enumerate(OLD.tolist()):
            for register, value in zip(self.settings, (offset, *OLD_LIMITS), strict=True):
                self.save(i, register, value)

    def kept_offsets(self) -> list[int]:
        return [offset for offset, _, _ in self.kept()]


def new(offsets: Ticks = WANTED) -> list[tuple[int, int, int]]:
    return [(offset, 0, TURN - 1) for offset in offsets.tolist()]


def old() -> list[tuple[int, int, int]]:
    return [(offset, *OLD_LIMITS) for offset in OLD.tolist()]
