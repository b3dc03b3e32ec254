"""The records about time and motors: `forerun calibrate latency` and `forerun calibrate servo`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from interfaces.calibration.record import FORMAT, ArmIdentity, CameraIdentity, RecordHeader
from interfaces.toml_loader import require


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyRecord:
    """How late commands become motion, and how late pictures say they were taken."""

    kind: Literal["latency"]
    format: int
    header: RecordHeader
    arm: ArmIdentity
    camera: CameraIdentity
    joint: str  # that was moved
    command_to_motion_ms: float  # for policy.actuation_latency_ms
    motion_to_frame_ms: float  # from an instant to the stamp of the frame that shows it; 0 where the stamps are true

    def __post_init__(self) -> None:
        """Check the format."""
        require(self.format == FORMAT, "format", self.format, f"{FORMAT}, the format this version of forerun reads")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServoJoint:
    """How one joint moves."""

    name: str
    friction_ratio: float  # effort to keep it moving slowly, of the motor's maximum
    backlash_rad: float
    following_error_rad: float  # largest, at the speed tried
    speed_tried_rad_s: float
    velocity_suggested_rad_s: float
    acceleration_suggested_rad_s2: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServoRecord:
    """How each joint of one arm moves, for comparison the next time."""

    kind: Literal["servo"]
    format: int
    header: RecordHeader
    arm: ArmIdentity
    joints: tuple[ServoJoint, ...]  # in the order of the robot file

    def __post_init__(self) -> None:
        """Check the format."""
        require(self.format == FORMAT, "format", self.format, f"{FORMAT}, the format this version of forerun reads")
