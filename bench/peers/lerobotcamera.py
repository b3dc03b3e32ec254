# pyright: basic, reportMissingImports=false
# Run by LeRobot's own Python; what it imports is not installed beside our type checker.
"""The benchmark's camera as LeRobot wants cameras to be; module and class are named as its plug-in loader derives them."""

from __future__ import annotations

from dataclasses import dataclass

from lerobot.cameras import Camera, CameraConfig

from bench.peers.clock_camera import ClockCamera


@CameraConfig.register_subclass("benchmark")
@dataclass(kw_only=True)
class LerobotCameraConfig(CameraConfig):
    """Rate and size, all inherited."""


class LerobotCamera(Camera):
    """The newest frame at once, as its own drivers' `read_latest`."""

    def __init__(self, config: LerobotCameraConfig) -> None:
        super().__init__(config)
        self._camera = ClockCamera(config.fps or 30)
        self._connected = False

    @property
    def is_connected(self) -> bool:
        """Return whether it streams."""
        return self._connected

    @staticmethod
    def find_cameras() -> list:
        """Return none: nobody looks for it."""
        return []

    def connect(self, warmup: bool = True) -> None:  # noqa: ARG002, FBT001, FBT002 - as LeRobot has it
        """Start the stream."""
        self._camera.start()
        self._connected = True

    def read_latest(self, max_age_ms: int = 500):  # noqa: ARG002
        """Return the newest picture."""
        return self._camera.newest()[1]

    def read(self):
        """Return the newest picture."""
        return self.read_latest()

    def async_read(self, timeout_ms: float = 200):  # noqa: ARG002
        """Return the newest picture."""
        return self.read_latest()

    def disconnect(self) -> None:
        """Stop the stream."""
        self._camera.stop()
        self._connected = False
