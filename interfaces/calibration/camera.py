"""The records about a camera: its lens (`forerun calibrate camera`), its place (`hand-eye`), and what it saw then (`view`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from interfaces.calibration.record import FORMAT, ArmIdentity, CameraIdentity, Pose, RecordHeader
from interfaces.device_facts import CameraIntrinsics
from interfaces.toml_loader import require


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraRecord:
    """The lens of one camera, checked with a board."""

    kind: Literal["camera"]
    format: int
    header: RecordHeader
    camera: CameraIdentity
    source: Literal["factory", "estimated"]  # the maker's values were right, or these were found with the board
    intrinsics: CameraIntrinsics

    def __post_init__(self) -> None:
        """Check the format."""
        _check_format(self.format)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandEyeRecord:
    """Where a camera stands: beside the arm (in the base's frame), or on the hand (in the hand's frame)."""

    kind: Literal["hand_eye"]
    format: int
    header: RecordHeader
    arm: ArmIdentity
    camera: CameraIdentity
    mounting: Literal["eye_to_hand", "eye_in_hand"]
    parent_from_camera: Pose  # base_from_camera or hand_from_camera; the camera's frame is OpenCV's: z ahead, y down
    other_from_board: Pose  # hand_from_board or base_from_board
    joint_offset_rad: tuple[float, ...]  # estimated with it, to be added to measured joints; zeros where they were held
    n_poses: int

    def __post_init__(self) -> None:
        """Check the format."""
        _check_format(self.format)


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewRecord:
    """What a camera saw when it stood where it should; its landmarks are in an .npz beside the record."""

    kind: Literal["view"]
    format: int
    header: RecordHeader
    camera: CameraIdentity
    intrinsics: CameraIntrinsics
    landmarks_file: str  # file name beside the record
    landmarks_sha256: str
    table_normal: tuple[float, ...]  # unit normal of the table in the camera's frame (3,), towards the camera
    table_distance_m: float  # of the camera from the table, along that normal

    def __post_init__(self) -> None:
        """Check the format and that the landmarks stay beside the record."""
        _check_format(self.format)
        inside = bool(self.landmarks_file) and "/" not in self.landmarks_file
        require(inside, "landmarks_file", self.landmarks_file, "a file name beside the record")
        require(len(self.table_normal) == 3, "table_normal", self.table_normal, "three numbers")
        require(self.table_distance_m > 0, "table_distance_m", self.table_distance_m, "more than 0")


def _check_format(value: int) -> None:
    require(value == FORMAT, "format", value, f"{FORMAT}, the format this version of forerun reads")
