"""Motors that are commanded as springs, on an arm whose motors hold positions: the world's own controller stands in for the spring."""

from __future__ import annotations

from drivers.damiao.protocol import MitCommand
from sim.motors.motion import Actuators


class PositionedMotors:
    """The MitMotors of sim/motors/springs.py on `actuators`; `torque_max_nm` is what a motor's full effort counts as on the bus."""

    def __init__(self, actuators: Actuators, torque_max_nm: float) -> None:
        self._actuators = actuators
        self._torque_max_nm = torque_max_nm

    def advance(self, t_now_ns: int) -> None:
        """Do nothing: the world moves them."""

    def position_rad(self, index: int) -> float:
        """Return the angle of motor `index`."""
        return self._actuators.position_rad(index)

    def velocity_rad_s(self, index: int) -> float:
        """Return the velocity of motor `index`."""
        return self._actuators.velocity_rad_s(index)

    def torque_nm(self, index: int) -> float:
        """Return the torque of motor `index`, as its bus counts it."""
        return self._actuators.effort_ratio(index) * self._torque_max_nm

    def drive(self, index: int, command: MitCommand | None) -> None:
        """Hold the commanded position, or turn freely; a spring without stiffness holds nothing new."""
        self._actuators.set_torque(index, enabled=command is not None)
        if command is not None and command.stiffness_nm_rad > 0:
            self._actuators.set_target_rad(index, command.position_rad)
