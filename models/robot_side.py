"""What every policy's sizes begin with: the robot that it sees and moves, and how much of the past it is shown."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotSide:
    """The part of a policy's config that export and runtime read; a family's config inherits it and adds its networks' sizes."""

    joints: tuple[str, ...]
    instructions: tuple[str, ...]
    camera: str = "front"
    width_px: int = 424  # of the camera's picture
    height_px: int = 240
    crop_px: int = 240  # the central square that is looked at
    horizon: int = 16  # rows of a chunk
    step_ms: float = 50.0  # between rows
    first_ms: float = 50.0  # from the joint state to the first row
    foresight_age_max_ms: float = 400.0  # the oldest foresight in training
    n_history: int = 1  # frames that the foresight sees, oldest first; the last is the current one
    history_step_ms: float = 100.0  # between them

    @property
    def n_joints(self) -> int:
        """Return the width of joint vectors."""
        return len(self.joints)

    @property
    def n_instructions(self) -> int:
        """Return the width of the one-hot instruction."""
        return len(self.instructions)

    def robot(self) -> dict[str, Any]:
        """Return these fields by name, without those of a family: what a config of another family for the same robot begins with."""
        return {field.name: getattr(self, field.name) for field in fields(RobotSide)}
