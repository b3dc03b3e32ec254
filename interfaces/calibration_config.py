"""The part of the robot file about calibration: where its records are, and without which of them the robot does not move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from interfaces.toml_loader import require

RecordKind = Literal["joints", "camera", "hand_eye", "view", "latency", "servo"]
RECORD_KINDS: tuple[RecordKind, ...] = get_args(RecordKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationConfig:
    """How this robot is calibrated; a robot file without this table asks for no records, and applies none."""

    folder: str  # relative to the robot file; in it, each robot's records have a folder of its name
    require: tuple[RecordKind, ...]  # the runtime refuses to arm without these
    max_age_days: float  # older records are expired
    offsets: Literal["record", "eeprom"]  # where homing offsets go: nothing is written into the servos, or it is
    view: Literal["off", "check", "correct"]  # before the policy acts: nothing, refuse a moved camera, or allow for it
    view_moved_max_mm: float = 5.0  # a camera that moved farther is moved ...
    view_moved_max_deg: float = 0.5  # ... or turned
    view_corrected_max_mm: float = 40.0  # what "correct" may allow for; beyond, it refuses
    view_corrected_max_deg: float = 6.0

    def __post_init__(self) -> None:
        """Check the limits."""
        require(bool(self.folder), "folder", self.folder, "a folder")
        require(len(set(self.require)) == len(self.require), "require", self.require, "each kind once")
        require(self.max_age_days > 0, "max_age_days", self.max_age_days, "more than 0")
        for key in ("view_moved_max_mm", "view_moved_max_deg", "view_corrected_max_mm", "view_corrected_max_deg"):
            require(getattr(self, key) > 0, key, getattr(self, key), "more than 0")
