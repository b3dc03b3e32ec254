"""The calibration record: what an operator measured on one robot, with the residual and the limit it was judged by.

Written by calibration/, checked by the runtime before it arms. One TOML per robot and kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from interfaces.toml_loader import load_toml, require

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class JointOffset:
    """What was measured of one joint's encoder."""

    name: str
    servo_id: int
    home_ticks: int
    range_min_ticks: int
    range_max_ticks: int

    def __post_init__(self) -> None:
        """Check that the range is one."""
        require(
            self.range_min_ticks < self.range_max_ticks,
            "range_max_ticks",
            self.range_max_ticks,
            f"more than range_min_ticks, {self.range_min_ticks}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationRecord:
    """One calibration of one robot."""

    format: int
    kind: Literal["joints"]
    robot: str
    created: str  # ISO 8601, for people
    operator: str
    tool_version: str
    residual: float
    residual_max: float
    joints: tuple[JointOffset, ...]

    def __post_init__(self) -> None:
        """Check the format."""
        require(self.format == FORMAT, "format", self.format, f"{FORMAT}, the format this version of forerun reads")

    @property
    def passed(self) -> bool:
        """Return whether the calibration is good enough to act on."""
        return self.residual <= self.residual_max


def load_calibration(path: Path) -> CalibrationRecord:
    """Return the record at `path`; raises ConfigError when it says something that cannot be."""
    return load_toml(path, CalibrationRecord)
