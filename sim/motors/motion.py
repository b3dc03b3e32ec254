"""What moves behind emulated servos, and how a servo ramps its goal: the mechanical half of the emulator."""

from __future__ import annotations

import math
from typing import Protocol


class Actuators(Protocol):
    """The motors of a simulated arm, numbered as the servos on the bus are; angles in rad at the servo's horn."""

    def position_rad(self, index: int) -> float:
        """Return the angle of motor `index`."""
        ...

    def velocity_rad_s(self, index: int) -> float:
        """Return the velocity of motor `index`."""
        ...

    def effort_ratio(self, index: int) -> float:
        """Return the torque of motor `index` over its largest, -1 to 1."""
        ...

    def set_target_rad(self, index: int, target_rad: float) -> None:
        """Let motor `index` drive towards an angle while its torque is on."""
        ...

    def set_torque(self, index: int, *, enabled: bool) -> None:
        """Let motor `index` drive, or turn freely."""
        ...

    def set_effort_limit(self, index: int, ratio: float) -> None:
        """Let motor `index` use no more than this share of its largest torque."""
        ...


class GoalRamp:
    """The servo's own motion profile: a setpoint that runs to the goal within a speed and an acceleration, both in ticks.

    A limit of 0 is none. With no limit at all, which is how forerun drives, the setpoint is the goal.
    """

    def __init__(self) -> None:
        self.setpoint_ticks = 0.0
        self._velocity_ticks_s = 0.0

    def restart(self, position_ticks: float) -> None:
        """Stand still at a position."""
        self.setpoint_ticks = position_ticks
        self._velocity_ticks_s = 0.0

    def advance(self, goal_ticks: float, speed_ticks_s: float, acceleration_ticks_s2: float, dt_s: float) -> float:
        """Return the setpoint `dt_s` later: as fast as speed, acceleration and the way left to brake in allow."""
        left = goal_ticks - self.setpoint_ticks
        if (speed_ticks_s == 0 and acceleration_ticks_s2 == 0) or left == 0:
            self.restart(goal_ticks)
            return goal_ticks
        speed = speed_ticks_s or math.inf
        if acceleration_ticks_s2:
            braking = math.sqrt(2 * acceleration_ticks_s2 * abs(left))
            wanted = math.copysign(min(speed, braking), left)
            change = acceleration_ticks_s2 * dt_s
            self._velocity_ticks_s += min(max(wanted - self._velocity_ticks_s, -change), change)
        else:
            self._velocity_ticks_s = math.copysign(speed, left)
        way = self._velocity_ticks_s * dt_s
        if way * left > 0 and abs(way) >= abs(left):
            self.restart(goal_ticks)
        else:
            self.setpoint_ticks += way
        return self.setpoint_ticks
