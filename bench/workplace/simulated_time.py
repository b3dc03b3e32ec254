"""The virtual clock of a simulated workplace: physics, servos and camera live on it, and nobody sleeps.

The world stands at the very instant at which anything happens to it: an order on the bus, a question, a frame's exposure, an
order that acts late. Its last step before such an instant is as short as it must be.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

from interfaces.robot_config import RobotConfig
from sim.can.lockstep import LockstepCan
from sim.motors.servo_world import ServoWorld
from sim.motors.simulated_bus import lockstep_port, simulated_bus
from sim.serial.lockstep import LockstepSerial
from sim.world import STEP_NS, World

T_START_NS = 1_000_000_000  # not 0, which would pass for a stamp that was never set
EFFORT_OVER_S = 0.020  # whole command periods at 50, 100 and 200 Hz
LONGEST_NS = 1_000_000  # motors on CAN live no longer than this without the world's news


class SimulatedTime:
    """The Clock of calibration/session/clock.py, and the port that drivers reach the motors through."""

    def __init__(self, world: World, robot: RobotConfig) -> None:
        """Begin now, at the world's pose, the motors as after power on."""
        self._world = world
        self._t_offset_ns = T_START_NS - world.time_ns
        self._t_ns = T_START_NS
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._servos = ServoWorld(world, EFFORT_OVER_S)
        self.port: LockstepSerial | LockstepCan = lockstep_port(
            simulated_bus(robot.arm, self._servos), lambda: self._t_ns, self._let_pass
        )

    def now_ns(self) -> int:
        """Return the present instant: bytes on the wire take their time, too."""
        self._let_pass(self.port.now_ns())
        return self._t_ns

    def wait_until(self, t_ns: int) -> None:
        """Let the world live until then."""
        t_now_ns = self.now_ns()
        if not isinstance(self.port, LockstepCan):
            self._let_pass(t_ns)
            return
        while t_now_ns < t_ns:
            t_now_ns = min(t_ns, t_now_ns + LONGEST_NS)
            self._let_pass(t_now_ns)
            self.port.catch_up()

    def at(self, t_ns: int, happen: Callable[[], None]) -> None:
        """Do something at an instant to come, the world standing at it."""
        heapq.heappush(self._events, (t_ns, next(self._order), happen))

    def _let_pass(self, t_ns: int) -> None:
        while self._events and self._events[0][0] <= t_ns:
            t_event_ns, _, happen = heapq.heappop(self._events)
            self._step(t_event_ns)
            happen()
        self._step(t_ns)
        self._t_ns = max(self._t_ns, t_ns)

    def _step(self, t_ns: int) -> None:
        world, servos = self._world, self._servos
        t_world_ns = t_ns - self._t_offset_ns
        while world.time_ns < t_world_ns:
            servos.write_to(world)
            if servos.all_drive and not world.hand.is_idle:
                world.hand.let_go()  # a person feels that the motors hold the arm
            late_ns = servos.t_next_ns or t_world_ns
            world.step_until(min(t_world_ns, late_ns, world.time_ns + STEP_NS))
            servos.read_from(world)
        self._t_ns = max(self._t_ns, t_ns)
