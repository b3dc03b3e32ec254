"""An arm that is measured and never told anything: everything runs, nothing moves."""

from __future__ import annotations

from drivers.arm import Arm
from interfaces.device_facts import MotorIdentity
from interfaces.messages import JointState, JointVector


class DryArm:
    """Reads where the real one would send; torque stays as it is, and so does the person who moves the arm by hand."""

    def __init__(self, arm: Arm) -> None:
        """Keep `arm` from being moved."""
        self._arm = arm

    def open(self) -> JointState:
        """Open the bus and set the motors up, as for a real run: what would be refused then is refused now."""
        return self._arm.open()

    def identity(self) -> tuple[MotorIdentity, ...]:
        """Return which motors these are."""
        return self._arm.identity()

    def torque(self) -> tuple[bool, ...]:
        """Ask each motor whether it drives."""
        return self._arm.torque()

    def hold(self) -> JointState:
        """Return the measured joints."""
        return self._arm.read()

    def exchange(self, position_rad: JointVector) -> JointState:
        """Return the measured joints; the targets go nowhere."""
        del position_rad
        return self._arm.read()

    def read(self) -> JointState:
        """Return the measured joints."""
        return self._arm.read()

    def release(self) -> None:
        """Leave torque as it is."""

    def close(self) -> None:
        """Close the bus."""
        self._arm.close()
