"""The worlds that demonstrations come from, and what each fixes: what moves, on which grid it is recorded, and what the camera sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sim.camera.renderer import CROP_PX, HEIGHT_PX, WIDTH_PX
from sim.metaworld import tasks as metaworld
from sim.robot_model import JOINT_NAMES
from sim.scene import CAMERA_NAME
from sim.tasks import TASKS
from sim.tick import COMMAND_NS

WorldName = Literal["so101", "metaworld"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldFacts:
    """What a recipe cannot choose."""

    tasks: tuple[str, ...]
    joints: tuple[
        str, ...
    ]  # in rad; Meta-World's are a place in m and an opening, and named alike in arrays and messages
    step_s: float  # grid of a recording
    camera: str
    width_px: int
    height_px: int
    crop_px: int  # the central square that a policy looks at


WORLDS: dict[WorldName, WorldFacts] = {
    "so101": WorldFacts(
        tasks=tuple(TASKS), joints=JOINT_NAMES, step_s=COMMAND_NS / 1e9,
        camera=CAMERA_NAME, width_px=WIDTH_PX, height_px=HEIGHT_PX, crop_px=CROP_PX,
    ),
    "metaworld": WorldFacts(
        tasks=metaworld.TASKS, joints=metaworld.JOINTS, step_s=metaworld.STEP_NS / 1e9,
        camera=metaworld.CAMERA, width_px=metaworld.CAMERA_PX, height_px=metaworld.CAMERA_PX, crop_px=metaworld.CAMERA_PX,
    ),
}  # fmt: skip
