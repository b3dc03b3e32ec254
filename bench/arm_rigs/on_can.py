"""The half of an ArmRig that is the same on every CAN bus: virtual clock, port, cable, faults."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Generic, TypeVar

from bench.arm_rigs.cable import Cable, OnACable
from drivers.arm import Arm
from drivers.open_devices import open_arm
from interfaces.arm_config import ArmConfig
from sim.can.bus import CanBus
from sim.can.lockstep import LockstepCan

T_BEGIN_NS = 10**9
C = TypeVar("C", bound=ArmConfig)


class OnCan(OnACable, Generic[C]):
    """An arm's driver on emulated nodes; the family adds where its motors are, and what is garbage to it."""

    def __init__(self, config: C, bus: CanBus) -> None:
        self.config = config
        self.bus = bus
        self._t_ns = T_BEGIN_NS
        self.port = LockstepCan(bus, lambda: self._t_ns)
        self._cable = Cable()
        self.arm = self.arm_with()

    def arm_with(self, **changes: Any) -> Arm:
        """Return a driver for the same motors."""
        return open_arm(replace(self.config, **changes), self._cable.can(self.port.open_port))

    def now_ns(self) -> int:
        """Return the virtual instant."""
        return self.port.now_ns()

    def wait(self, duration_ns: int) -> None:
        """Let virtual time pass."""
        self._t_ns = self.port.now_ns() + duration_ns
        self.port.catch_up()

    def power_cycle(self) -> None:
        """Switch the motors off and on."""
        self.bus.power_cycle()

    def brown_out(self, index: int) -> None:
        """Switch one motor off and on."""
        self.bus.nodes[index].power_on()

    def silence(self, index: int) -> None:
        """Cut a motor off."""
        self.bus.faults.silent.add(index)

    def speak(self, index: int) -> None:
        """Put it back."""
        self.bus.faults.silent.discard(index)

    def drop(self, n_answers: int) -> None:
        """Lose the next answers."""
        self.bus.faults.n_drop = n_answers

    def delay(self, delay_ns: int) -> None:
        """Let answers come late."""
        self.bus.faults.delay_ns = delay_ns
