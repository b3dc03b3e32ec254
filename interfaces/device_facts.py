"""What a device says about itself: which piece it is, so that measured facts are never believed of another."""

from __future__ import annotations

from dataclasses import dataclass

from interfaces.toml_loader import require


@dataclass(frozen=True, slots=True, kw_only=True)
class MotorIdentity:
    """One motor of an arm, as it answers itself."""

    joint: str
    motor_id: int
    model: str  # by the maker's name where it is known, else the number it gives
    serial: str = ""  # empty where the motor has none; Feetech and Dynamixel servos have none
    firmware: str = ""
    homing_offset: int = (
        0  # what the motor itself keeps and adds to its count, in its own counts; 0 where it keeps none
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraIntrinsics:
    """A pinhole with Brown's distortion, as OpenCV counts: pixel centres at whole numbers, from 0."""

    width_px: int
    height_px: int
    focal_x_px: float
    focal_y_px: float
    centre_x_px: float
    centre_y_px: float
    distortion: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0)  # k1 k2 p1 p2 k3

    def __post_init__(self) -> None:
        """Check sizes and the number of coefficients."""
        require(self.width_px > 0 and self.height_px > 0, "width_px", self.width_px, "a size of 1 or more")
        require(self.focal_x_px > 0 and self.focal_y_px > 0, "focal_x_px", self.focal_x_px, "more than 0")
        require(len(self.distortion) == 5, "distortion", self.distortion, "five numbers: k1 k2 p1 p2 k3")


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraFacts:
    """Which camera it is, and what its maker measured of it for the stream that is open."""

    model: str
    serial: str  # empty where it has none
    intrinsics: CameraIntrinsics | None  # of the colour stream; None where the camera does not tell
