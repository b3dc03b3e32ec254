"""What moves behind emulated motors that are commanded as springs ("MIT mode"), and the stiffest way to do it."""

from __future__ import annotations

from typing import Protocol

from drivers.damiao.protocol import MitCommand


class MitMotors(Protocol):
    """The motors of a simulated arm, numbered as they are on the bus; angles in rad at the output shaft."""

    def advance(self, t_now_ns: int) -> None:
        """Let time pass for all of them."""
        ...

    def position_rad(self, index: int) -> float:
        """Return the angle of motor `index`."""
        ...

    def velocity_rad_s(self, index: int) -> float:
        """Return the velocity of motor `index`."""
        ...

    def torque_nm(self, index: int) -> float:
        """Return the torque of motor `index`."""
        ...

    def drive(self, index: int, command: MitCommand | None) -> None:
        """Let motor `index` follow a command until the next; None turns freely."""
        ...


class RigidMitMotors:
    """Motors without a load whose springs are endlessly stiff: where there is a stiffness at all, they are at the target."""

    def __init__(self, n_motors: int) -> None:
        self.positions_rad = [0.0] * n_motors
        self.torques_nm = [0.0] * n_motors  # put in from outside
        self.driven = [False] * n_motors
        self.commands: list[MitCommand | None] = [None] * n_motors

    def advance(self, t_now_ns: int) -> None:
        """Do nothing: they stand."""

    def position_rad(self, index: int) -> float:
        """Return where the motor was told to be."""
        return self.positions_rad[index]

    def velocity_rad_s(self, index: int) -> float:
        """Return 0: it jumps."""
        del index
        return 0.0

    def torque_nm(self, index: int) -> float:
        """Return the torque that was put in from outside."""
        return self.torques_nm[index]

    def drive(self, index: int, command: MitCommand | None) -> None:
        """Jump."""
        self.driven[index] = command is not None
        self.commands[index] = command
        if command is not None and command.stiffness_nm_rad > 0:
            self.positions_rad[index] = command.position_rad
