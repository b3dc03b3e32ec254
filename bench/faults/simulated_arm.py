"""The simulated arm on a virtual clock: the real driver, real bytes, emulated servos, physics; and a cable that can be pulled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.arm_rigs.cable import Cable
from drivers.feetech.arm import FeetechArm
from interfaces.messages import JointVector
from interfaces.robot_config import RobotConfig
from runtime.command.guarded_arm import GuardedArm
from sim.feetech.arm import feetech_arm
from sim.feetech.bus import ServoBus
from sim.motors.servo_world import ServoWorld, simulated_servo_bus
from sim.serial.bus import BusFaults
from sim.serial.lockstep import LockstepSerial
from sim.world import STEP_NS, World

_COOL_DEGC = 25.0
_SUPPLY_V = 12.0


class SimulatedArm:
    """World, servos, bus and driver; `t_now_ns` is the clock, and whoever runs the loop sets it by `let_pass`."""

    def __init__(self, robot: RobotConfig, world: World, seed: int) -> None:
        """Stand at rest, as a task's episode begins."""
        world.reset("reach", seed)  # whose ball does not collide: the arm meets only the table and itself
        self.world = world
        root = world.model.body_rootid[world.model.jnt_bodyid[0]]
        self._is_of_arm: NDArray[np.bool_] = world.model.body_rootid[world.model.geom_bodyid] == root
        self._servos = ServoWorld(world)
        self._bus = simulated_servo_bus(self._servos)
        self.t_now_ns = self._t_world_ns = 10_000_000_000
        self.port = LockstepSerial(self._bus, lambda: self.t_now_ns)
        self.cable = Cable()
        arm = FeetechArm(feetech_arm(robot.arm), self.cable.serial(self.port.open_port))
        self.guarded = GuardedArm(arm, robot.runtime.bus_error_budget)

    @property
    def faults(self) -> BusFaults:
        """Return what may be made to go wrong on the bus."""
        return self._bus.faults

    @property
    def bus(self) -> ServoBus:
        """Return the servos on their bus."""
        return self._bus

    @property
    def touches(self) -> bool:
        """Return whether the arm touches the table, an object or itself."""
        geoms = np.asarray(self.world.data.contact.geom, np.int64).ravel()
        return bool(self._is_of_arm[geoms].any())

    @property
    def powered(self) -> bool:
        """Return whether every motor holds."""
        return bool(np.all(self.world.model.actuator_gainprm[: len(self._bus.servos), 0] > 0))

    def let_pass(self, t_ns: int) -> None:
        """Let physics run up to `t_ns`."""
        while self._t_world_ns + STEP_NS <= t_ns:
            self._servos.write_to(self.world)
            self.world.step(1)
            self._servos.read_from(self.world)
            self._t_world_ns += STEP_NS
        self.t_now_ns = t_ns

    def position_rad(self) -> JointVector:
        """Return where the joints really are."""
        return self.world.joint_positions_rad

    def heat(self, servo_id: int, temperature_degc: float) -> None:
        """Make one motor hot."""
        self._bus.servos[servo_id - 1].temperature_degc = temperature_degc

    def cool(self) -> None:
        """Make every motor cool."""
        for servo in self._bus.servos:
            servo.temperature_degc = _COOL_DEGC

    def supply(self, supply_v: float = _SUPPLY_V) -> None:
        """Supply the motors with a voltage."""
        for servo in self._bus.servos:
            servo.supply_v = supply_v

    def mend(self) -> None:
        """Let nothing be wrong with bus or motors any more."""
        faults = self._bus.faults
        faults.n_drop = faults.n_corrupt = faults.delay_ns = 0
        faults.garbage, faults.echo = b"", False
        faults.silent_ids.clear()
        self.cable.plug()
        self.cool()
        self.supply()
