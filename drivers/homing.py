"""The zero of servos that keep a homing offset of their own (Feetech, Dynamixel): bare encoder counts, and that offset.

For `forerun calibrate joints`, which must also work where an Arm refuses to open: its travel crosses the encoder's seam.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from interfaces.device_facts import MotorIdentity

Ticks = NDArray[np.int64]  # (joint,)


class ServoHoming(Protocol):
    """The servos of one robot file, not driving; joints in its order. Errors as of drivers/arm.py."""

    @property
    def ticks_per_turn(self) -> int:
        """Return how many counts make a turn: 4096."""
        ...

    @property
    def offset_max_ticks(self) -> int:
        """Return the largest homing offset that a servo heeds, either way."""
        ...

    @property
    def seam_moves(self) -> bool:
        """Return whether positions begin anew elsewhere with another homing offset; else where the bare count does, always."""
        ...

    def open(self) -> None:
        """Open the bus and find every servo; nothing is written, torque stays as it is."""
        ...

    def identity(self) -> tuple[MotorIdentity, ...]:
        """Return which servos these are, with the homing offsets they keep now."""
        ...

    def torque(self) -> tuple[bool, ...]:
        """Ask each servo whether it drives."""
        ...

    def release(self) -> None:
        """Disable torque."""
        ...

    def encoder_ticks(self) -> Ticks:
        """Return the bare encoders' counts, 0 to ticks_per_turn - 1, the homing offsets taken out."""
        ...

    def homes_with(self, offsets: Ticks) -> Ticks:
        """Return by how much the present position is less than the bare count, per joint, with these homing offsets."""
        ...

    def write_offsets(self, offsets: Ticks) -> None:
        """Write homing offsets into the servos, read them back, and widen the servos' own limits; torque must be off.

        Raises RefusedError for an offset that does not fit. Where one servo fails, those before it get back what they had.
        """
        ...

    def close(self) -> None:
        """Close the bus; torque stays as it is."""
        ...
