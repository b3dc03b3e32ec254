"""The part of the robot file about one camera: the device, and the stream asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from interfaces.toml_loader import require

DepthFilter = Literal["decimation", "threshold", "spatial", "temporal", "hole_filling"]
DEPTH_FILTERS: tuple[DepthFilter, ...] = get_args(DepthFilter)  # in the order they are applied, librealsense's own


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraConfig:
    """One camera and the stream asked of it."""

    name: str
    driver: Literal["realsense", "uvc", "simulated"]
    serial: str  # of a RealSense, empty takes the only one there is; of "uvc" the device file: "/dev/v4l/by-id/..."
    width_px: int
    height_px: int
    rate_hz: int
    depth: bool
    latency_ms: float  # from mid exposure to arrival, used where the camera's clock cannot be mapped
    stale_ms: float  # no frame for so long is a fault of the camera
    frozen_ms: float  # the very same picture for so long is a fault of the camera; 0 does not look
    # What follows may be left out.
    depth_width_px: int | None = None  # of the depth stream, where it is not the colour's
    depth_height_px: int | None = None
    align_depth: bool = False  # give depth as the colour camera would see it, pixel on pixel
    filters: tuple[DepthFilter, ...] = ()  # on depth; applied in the order of DEPTH_FILTERS, however they are listed
    depth_min_m: float | None = None  # for the filter "threshold": nearer, or farther, is unknown
    depth_max_m: float | None = None
    stamp_offset_ms: float = 0.0  # the driver's stamps are so much later than the truth: taken off (calibrate latency)

    @property
    def depth_size_px(self) -> tuple[int, int]:
        """Return width and height to ask of the depth stream."""
        return self.depth_width_px or self.width_px, self.depth_height_px or self.height_px

    def __post_init__(self) -> None:
        """Check the stream's numbers, and that nothing is asked of a depth that is not."""
        for key in ("width_px", "height_px", "rate_hz"):
            require(getattr(self, key) > 0, key, getattr(self, key), "more than 0")
        require(self.latency_ms >= 0, "latency_ms", self.latency_ms, "0 or more")
        require(abs(self.stamp_offset_ms) < 1000, "stamp_offset_ms", self.stamp_offset_ms, "less than 1000 either way")
        require(self.stale_ms > 0, "stale_ms", self.stale_ms, "more than 0")
        require(self.frozen_ms >= 0, "frozen_ms", self.frozen_ms, "0 or more")
        require(self.driver != "uvc" or bool(self.serial), "serial", self.serial, 'a device file: "/dev/v4l/by-id/..."')
        require(not (self.driver == "uvc" and self.depth), "depth", self.depth, "false: a UVC camera has no depth")
        for key in ("depth_width_px", "depth_height_px", "align_depth", "filters", "depth_min_m", "depth_max_m"):
            value = getattr(self, key)
            require(self.depth or not value, key, value, "nothing, since depth is false")
        self._check_depth()

    def _check_depth(self) -> None:
        both = (self.depth_width_px is None) == (self.depth_height_px is None)
        require(both, "depth_width_px", self.depth_width_px, "both depth_width_px and depth_height_px, or neither")
        for key in ("depth_width_px", "depth_height_px"):
            value = getattr(self, key)
            require(value is None or value > 0, key, value, "more than 0")
        require(len(set(self.filters)) == len(self.filters), "filters", self.filters, "each filter once")
        for key in ("depth_min_m", "depth_max_m"):
            value = getattr(self, key)
            require(value is None or value >= 0, key, value, "0 or more")
            require(value is None or "threshold" in self.filters, key, value, '"threshold" among the filters')
        nearest, farthest = self.depth_min_m, self.depth_max_m
        apart = nearest is None or farthest is None or nearest < farthest
        require(apart, "depth_max_m", farthest, f"more than depth_min_m, {nearest}")
