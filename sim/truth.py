"""What is really so with a simulated robot, and what its robot file does not know: the truth that a calibration has to find.

Every default is the robot as designed: with them the world, its pictures and its servos are what they are without a truth, to
the bit. A file of it is TOML (`load_truth`), for `forerun world --truth`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from interfaces.toml_loader import load_toml, require

Six = tuple[float, ...]  # one number a joint, in the order of the world's joints

NONE: Six = (0.0,) * 6
N_DISTORTION = 5
DESIGNED_WIDTH_PX, DESIGNED_HEIGHT_PX = 424, 240


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardPlace:
    """A flat board with a picture on it. Its frame: origin at the picture's first corner, x right, y down, z into the board."""

    width_m: float
    height_m: float
    fixed_to: Literal["table", "hand"]  # lies in the base's frame, or is screwed to the gripper's body
    translation_m: tuple[float, ...]  # (3,) of the board's frame in that one
    rotation_wxyz: tuple[float, ...]  # the same, unit quaternion
    margin_m: float = 0.010  # white around the picture
    picture: str = ""  # a picture file, relative to the truth's; empty where the picture is given otherwise

    def __post_init__(self) -> None:
        """Check sizes."""
        require(self.width_m > 0 and self.height_m > 0, "width_m", self.width_m, "a size of more than 0")
        require(self.margin_m >= 0, "margin_m", self.margin_m, "0 or more")
        require(len(self.translation_m) == 3, "translation_m", self.translation_m, "three numbers")
        require(len(self.rotation_wxyz) == 4, "rotation_wxyz", self.rotation_wxyz, "four numbers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """How a simulated robot differs from its design."""

    # The arm. True joint angle = what the driver reports with the robot file's home + offset.
    joint_offset_rad: Six = NONE
    friction_nm: Six = NONE  # dry friction, beside what the model has
    backlash_rad: Six = NONE  # play between motor and output shaft; the encoder is on the shaft
    command_delay_ms: float = 0.0  # a target acts so much after the motor was told
    stiffness_ratio: float = 1.0  # of the servos' position gain to the model's, 1000 Nm/rad; real ones: some 0.02
    hard_stops: bool = (
        False  # hard as metal, and within reach: shoulder and forearm, hulls in the model, do not meet before
    )
    # The camera.
    camera_mount: Literal["front", "wrist"] = "front"
    camera_translation_m: tuple[float, ...] = (0.0, 0.0, 0.0)  # from where it was designed to be, in its own frame ...
    camera_rotation_deg: tuple[float, ...] = (
        0.0,
        0.0,
        0.0,
    )  # ... and turned, axis times angle: x right, y down, z ahead
    width_px: int = DESIGNED_WIDTH_PX
    height_px: int = DESIGNED_HEIGHT_PX
    focal_ratio: float = 1.0  # true focal length over what the camera says of itself
    centre_shift_px: tuple[float, ...] = (0.0, 0.0)  # true optical centre less what the camera says
    distortion: tuple[float, ...] = (0.0,) * N_DISTORTION  # k1 k2 p1 p2 k3 as OpenCV's; the camera says none
    blur_px: float = 0.0  # of the lens, sigma
    image_noise: float = 0.0  # sigma in grey levels, in each colour by itself
    stamp_delay_ms: float = 0.0  # frames claim to be taken so much later than they were
    # What there is to see.
    board: BoardPlace | None = None
    landmarks: bool = False  # posters, books and a tool box lie around the table
    landmarks_seed: int = 0

    def __post_init__(self) -> None:
        """Check the sizes of lists and the signs of what has one."""
        sizes = {
            "joint_offset_rad": 6, "friction_nm": 6, "backlash_rad": 6, "camera_translation_m": 3,
            "camera_rotation_deg": 3, "centre_shift_px": 2, "distortion": N_DISTORTION,
        }  # fmt: skip
        for key, size in sizes.items():
            value: tuple[float, ...] = getattr(self, key)
            require(len(value) == size, key, value, f"{size} numbers")
        for key in ("friction_nm", "backlash_rad"):
            require(min(getattr(self, key)) >= 0, key, getattr(self, key), "0 or more each")
        for key in ("command_delay_ms", "stamp_delay_ms", "blur_px", "image_noise"):
            require(getattr(self, key) >= 0, key, getattr(self, key), "0 or more")
        for key in ("width_px", "height_px", "focal_ratio", "stiffness_ratio"):
            require(getattr(self, key) > 0, key, getattr(self, key), "more than 0")

    @property
    def has_lens(self) -> bool:
        """Return whether the camera is more than a pinhole with its axis through the middle."""
        return any(self.distortion) or any(self.centre_shift_px)


AS_DESIGNED = Truth()


def load_truth(path: Path) -> Truth:
    """Return the truth in the file at `path`; raises ConfigError naming file, key, value and expectation."""
    return load_toml(path, Truth)
