"""The part of the robot file about the arm's shape: what hand-eye calibration needs to know where the hand is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from interfaces.toml_loader import require


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainLink:
    """One turning joint: where its frame stands in the frame before it at 0 rad, and the axis it turns about."""

    joint: str  # its name in arm.joints
    translation_m: tuple[float, ...]  # (3,)
    rotation_wxyz: tuple[float, ...]  # unit quaternion (4,)
    axis: tuple[float, ...] = (0.0, 0.0, 1.0)  # (3,), in the joint's own frame

    def __post_init__(self) -> None:
        """Check the sizes, and that quaternion and axis have length 1."""
        require(len(self.translation_m) == 3, "translation_m", self.translation_m, "three numbers")
        for key, n_numbers in (("rotation_wxyz", 4), ("axis", 3)):
            value: tuple[float, ...] = getattr(self, key)
            unit = len(value) == n_numbers and math.isclose(math.hypot(*value), 1.0, abs_tol=1e-4)
            require(unit, key, value, f"{n_numbers} numbers, their squares adding up to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainConfig:
    """The links from the arm's base to its hand; the hand's frame is the last link's, turned."""

    links: tuple[ChainLink, ...]
    tip_m: tuple[float, ...]  # where the fingers meet, in the hand's frame (3,)

    def __post_init__(self) -> None:
        """Check that there is a chain, with each joint once."""
        names = [link.joint for link in self.links]
        require(0 < len(names) == len(set(names)), "links.joint", names, "one or more, each one different")
        require(len(self.tip_m) == 3, "tip_m", self.tip_m, "three numbers")
