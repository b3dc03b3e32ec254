"""The part of the robot file about one camera: the device, and the stream asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from interfaces.toml_loader import require


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraConfig:
    """One camera and the stream asked of it."""

    name: str
    driver: Literal["realsense", "simulated"]
    serial: str  # of the camera; empty takes the only one there is
    width_px: int
    height_px: int
    rate_hz: int
    depth: bool
    latency_ms: float  # from mid exposure to arrival, used where the camera's clock cannot be mapped
    stale_ms: float  # no frame for so long is a fault of the camera
    frozen_ms: float  # the very same picture for so long is a fault of the camera; 0 does not look

    def __post_init__(self) -> None:
        """Check the stream's numbers."""
        for key in ("width_px", "height_px", "rate_hz"):
            require(getattr(self, key) > 0, key, getattr(self, key), "more than 0")
        require(self.latency_ms >= 0, "latency_ms", self.latency_ms, "0 or more")
        require(self.stale_ms > 0, "stale_ms", self.stale_ms, "more than 0")
        require(self.frozen_ms >= 0, "frozen_ms", self.frozen_ms, "0 or more")
