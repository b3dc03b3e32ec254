"""What every calibration record says: of which robot, when, by whom, and how good it is.

Written by calibration/, judged by the runtime before it arms. One TOML per robot, kind and subject, sealed by a hash: a record
that was edited by hand, or cut short, is refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from interfaces.device_facts import MotorIdentity
from interfaces.toml_loader import require

FORMAT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One number a calibration is judged by: it passes where the value is at most the limit."""

    name: str  # for people: "reprojection error, rms"
    value: float
    limit: float
    unit: str

    @property
    def passed(self) -> bool:
        """Return whether the value keeps the limit; what is not a finite number does not."""
        return math.isfinite(self.value) and self.value <= self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordHeader:
    """What every record begins with."""

    robot: str  # name of the robot file
    subject: str  # name of the camera where the record is about one, else empty
    created: str  # ISO 8601 in UTC, to the second: "2026-11-21T15:04:05Z"
    operator: str
    tool_version: str
    checks: tuple[Check, ...]
    temperature_degc: float | None = None  # of the motors, where they tell
    note: str = ""

    def __post_init__(self) -> None:
        """Check that the record is judged by something."""
        require(len(self.checks) > 0, "checks", self.checks, "one or more")

    @property
    def passed(self) -> bool:
        """Return whether the calibration is good enough to act on."""
        return all(check.passed for check in self.checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmIdentity:
    """Which arm it was."""

    driver: str
    motors: tuple[MotorIdentity, ...]  # in the order of the robot file


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraIdentity:
    """Which camera it was."""

    model: str
    serial: str  # empty where it has none


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """A rigid transform, parent from child."""

    translation_m: tuple[float, ...]  # (3,)
    rotation_wxyz: tuple[float, ...]  # unit quaternion (4,)

    def __post_init__(self) -> None:
        """Check the sizes."""
        require(len(self.translation_m) == 3, "translation_m", self.translation_m, "three numbers")
        require(len(self.rotation_wxyz) == 4, "rotation_wxyz", self.rotation_wxyz, "four numbers")
