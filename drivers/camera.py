"""What a camera is to the runtime: the newest frame, in memory of our own, stamped on our clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from interfaces.messages import Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraHealth:
    """How a camera does: for reports, not for decisions."""

    clock: str  # how its stamps are mapped: "global", "remapped", "hardware", "arrival"
    frames: int  # delivered since it was opened
    lost: int  # gaps in the camera's own numbering
    rejected: int  # stamps that ran backwards, came late or lay in the future


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
        """Return the newest frame not yet returned, or None when none came in time."""
        ...

    def health(self) -> CameraHealth:
        """Return counts since the camera was opened."""
        ...

    def close(self) -> None:
        """Stop the stream."""
        ...
