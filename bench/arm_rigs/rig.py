"""What the conformance suite asks of a driver's test bench: the arm on emulated motors, and a hand that moves and breaks things.

One implementation a motor family. The motors are rigid: with torque on they are at once where they are sent, so a position that
is not the newest target is an old answer taken for a new one. The suite itself is tests/drivers/test_conformance.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from drivers.arm import Arm
from interfaces.arm_config import ArmConfig
from interfaces.messages import JointVector


class ArmRig(Protocol):
    """One arm on its emulated bus. Angles are of the joints, (joint,), in the robot file's order and direction."""

    resolution_rad: float  # how far a measured angle may be from the true one
    voltage_told: bool  # False where the motors do not tell it
    temperature_told: bool
    answers_each_target: bool  # an answer tells the pose after this exchange's target; False: the pose before it

    @property
    def config(self) -> ArmConfig:
        """Return the arm's part of the robot file."""
        ...

    @property
    def arm(self) -> Arm:
        """Return the driver."""
        ...

    def arm_with(self, **changes: object) -> Arm:
        """Return another driver for the same motors, with some keys of the robot file's arm changed."""
        ...

    def now_ns(self) -> int:
        """Return the instant on the clock that the driver goes by."""
        ...

    def wait(self, duration_ns: int) -> None:
        """Let time pass."""
        ...

    def angles_rad(self) -> JointVector:
        """Return where the joints really are."""
        ...

    def place(self, index: int, angle_rad: float) -> None:
        """Move a joint by hand; its torque is off."""
        ...

    def torque(self) -> list[bool]:
        """Return which motors drive."""
        ...

    def heat(self, index: int, temperature_degc: float) -> None:
        """Let a motor become so warm."""
        ...

    def unplug(self) -> None:
        """Pull the cable between adapter and computer."""
        ...

    def plug(self) -> None:
        """Put it back."""
        ...

    def lose(self, n_later: int) -> None:
        """Lose one order on its way to the motors: the next, 0, or one so many later."""
        ...

    def power_cycle(self) -> None:
        """Switch the motors' power off and on."""
        ...

    def brown_out(self, index: int) -> None:
        """Switch one motor's power off and on."""
        ...

    def exchange_motor(self, index: int) -> None:
        """Put another motor of the same model and id in the place of one."""
        ...

    def silence(self, index: int) -> None:
        """Cut one motor off the bus."""
        ...

    def speak(self, index: int) -> None:
        """Put it back on the bus."""
        ...

    def drop(self, n_answers: int) -> None:
        """Lose the next answers."""
        ...

    def garble(self) -> None:
        """Let something that is no answer come before the next one."""
        ...

    def delay(self, delay_ns: int) -> None:
        """Let every answer come so much later, until told otherwise."""
        ...


RigMaker = Callable[[], ArmRig]
