"""What an arm is to the runtime: joints in radians, one exchange a command period. Drivers know nothing of policies."""

from __future__ import annotations

from typing import Protocol

from interfaces.device_facts import MotorIdentity
from interfaces.messages import JointState, JointVector


class Arm(Protocol):
    """An arm on a bus; joints in the order of the robot file.

    Every call raises DeviceLostError when the bus is gone, BusTimeoutError when motors stay silent, and DeviceError when a
    motor reports an error. After a failed call the arm may be called again: one lost packet is not the end.
    """

    def open(self) -> JointState:
        """Open the bus, find every motor, write the limits of the robot file into them, and return the measured joints.

        Moves nothing, and leaves torque as it was.
        """
        ...

    def identity(self) -> tuple[MotorIdentity, ...]:
        """Return which motors these are, in the order of the robot file: as read at `open`, nothing is sent.

        Raises DeviceLostError for a bus that is not open.
        """
        ...

    def torque(self) -> tuple[bool, ...]:
        """Ask each motor whether it drives, in the order of the robot file; changes nothing, and what holds goes on holding.

        May take longer than a command period: up to a heartbeat where that is what tells it.
        """
        ...

    def hold(self) -> JointState:
        """Enable torque where it is off, with the measured pose as the target, and return that pose: nothing moves."""
        ...

    def exchange(self, position_rad: JointVector) -> JointState:
        """Send the targets and return the measured joints: the one bus cycle of a command period."""
        ...

    def read(self) -> JointState:
        """Return the measured joints without sending anything."""
        ...

    def release(self) -> None:
        """Disable torque."""
        ...

    def close(self) -> None:
        """Close the bus; torque stays as it is."""
        ...
