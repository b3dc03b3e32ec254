"""What the drivers of CAN motors send frames to and receive them from. How a real one is opened stands in drivers/can/open_port.py.

Every call raises DeviceLostError once the bus is gone, or is off for longer than the port's patience.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class CanFrame:
    """One classic CAN data frame, or, `remote`, the request for one."""

    can_id: int  # 11 bits, or 29 where `extended`
    data: bytes = b""  # at most 8
    extended: bool = False
    remote: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CanHealth:
    """How the bus does, counted since the port was opened."""

    error_frames: int  # told by the controller: bad bits, missing acknowledgements, lost arbitration
    bus_off: int  # how often the controller went off the bus
    queue_full: int  # how often a frame had to wait for room in the interface's queue


class CanPort(Protocol):
    """Frames out, frames in until a deadline, and the clock that the deadline is told by."""

    def now_ns(self) -> int:
        """Return the instant on the clock of this port."""
        ...

    def send(self, frames: Sequence[CanFrame]) -> None:
        """Queue all of `frames`, in order; raises BusTimeoutError where the queue stays full."""
        ...

    def receive(self, t_deadline_ns: int) -> CanFrame | None:
        """Return the next frame, or None when none arrived in time. Error frames are counted, never returned."""
        ...

    def discard(self) -> None:
        """Throw away what arrived and was not received."""
        ...

    def health(self) -> CanHealth:
        """Return counts since the port was opened."""
        ...

    def close(self) -> None:
        """Close the port; closing twice is no error."""
        ...


CanOpener = Callable[[str, int], CanPort]  # (port as in the robot file, bits a second)
