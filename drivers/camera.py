"""What a camera is to the runtime: the newest frame, in memory of our own, stamped on our clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from interfaces.device_facts import CameraFacts
from interfaces.messages import Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraHealth:
    """How a camera does: for reports, not for decisions."""

    clock: str  # how its stamps are mapped: "global", "remapped", "hardware", "arrival"
    frames: int  # delivered since it was opened
    lost: int  # gaps in the camera's own numbering
    rejected: int  # stamps that ran backwards, came late or lay in the future
    domain: str = (
        ""  # the camera's own name of the clock on its last frame: "global_time", "hardware_clock", "system_time"
    )
    restarts: int = 0  # of the stream, since it was opened
    resets: int = 0  # of the device itself


class Camera(Protocol):
    """A camera that streams; raises DeviceLostError when it is gone."""

    @property
    def name(self) -> str:
        """Return the camera's name in the robot file."""
        ...

    def open(self) -> None:
        """Start the stream, and return once frames arrive."""
        ...

    def read(self, timeout_s: float) -> Frame | None:
        """Return the newest frame not yet returned, or None when none came in time.

        It takes `timeout_s` and a little more, but where it has to start the device anew.
        """
        ...

    def facts(self) -> CameraFacts:
        """Return which camera this is, and its maker's intrinsics of the open colour stream; raises DeviceLostError before `open`."""
        ...

    def interrupt(self) -> None:
        """End `open` and `read` in another thread soon, for good: `open` raises DeviceLostError, `read` returns None.

        What a driver cannot end (a library's call that blocks) is over when it is; who asked waits for the other thread.
        """
        ...

    def health(self) -> CameraHealth:
        """Return counts since the camera was opened."""
        ...

    def close(self) -> None:
        """Stop the stream."""
        ...
