"""The record of `forerun calibrate joints`: where each joint's zero is in its motor's own count, and how far it turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from interfaces.calibration.record import FORMAT, ArmIdentity, RecordHeader
from interfaces.toml_loader import require


@dataclass(frozen=True, slots=True, kw_only=True)
class JointCalibration:
    """What was measured of one joint."""

    name: str
    home: float  # the value of the robot file's key for it: home_ticks, zero_rad, home_turns, home_counts
    direction: int  # as found; the robot file's own is refused where it differs
    range_min_rad: float  # travel by hand, stop to stop; the limits of the robot file where it has no stops
    range_max_rad: float

    def __post_init__(self) -> None:
        """Check direction and range."""
        require(self.direction in {-1, 1}, "direction", self.direction, "1 or -1")
        low, high = self.range_min_rad, self.range_max_rad
        require(low < high, "range_max_rad", high, f"more than range_min_rad, {low}")


@dataclass(frozen=True, slots=True, kw_only=True)
class JointsRecord:
    """Homing offsets and ranges of one arm."""

    kind: Literal["joints"]
    format: int
    header: RecordHeader
    arm: ArmIdentity  # with the homing offsets that the motors keep since
    offsets: Literal["record", "eeprom"]
    reference: Literal["stops", "pose"]  # zero is the middle between the stops, or where the operator held the arm
    joints: tuple[JointCalibration, ...]  # in the order of the robot file

    def __post_init__(self) -> None:
        """Check the format."""
        require(self.format == FORMAT, "format", self.format, f"{FORMAT}, the format this version of forerun reads")
