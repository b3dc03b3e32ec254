"""Pictures of the table with the arm in three places, so that what moves with it shows itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from calibration.session.arm_session import ArmSession
from calibration.session.stills import Still, take_still
from calibration.session.workplace import Workplace
from drivers.camera import Camera
from interfaces.arm_config import ArmConfig
from interfaces.messages import JointState, JointVector

N_FRAMES = 10
TURN_RAD = 0.6  # of the first joint to either side, as far as its limits let
_MARGIN_RAD = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What the camera saw, still by still, and the joints measured last."""

    stills: tuple[Still, ...]
    joints: JointState


def take_pictures(workplace: Workplace, camera: Camera) -> Taken:
    """Return stills with the arm in three places; it moves by itself, or, where that is not wanted, by hand."""
    operator = workplace.operator
    with workplace.arm_session() as arm:
        by_itself = operator.confirm(
            "arm-moves",
            "May the arm move by itself: to its rest pose, and a little to both sides? Stand clear.",
            default=True,
        )
        places = _driven(workplace, arm) if by_itself else _by_hand(workplace, arm)
        stills: list[Still] = []
        for number, _ in enumerate(places):
            stills.append(take_still(camera, arm, workplace.clock, N_FRAMES))
            operator.progress("pictures", (number + 1) / 3)
        joints = arm.read()
    return Taken(stills=tuple(stills), joints=joints)


def side_poses(config: ArmConfig) -> tuple[JointVector, ...]:
    """Return rest, and the first joint turned to either side of it, inside its limits."""
    rest_rad = config.vector("rest_rad")
    first = config.joints[0]
    poses = [rest_rad]
    for turn_rad in (-TURN_RAD, TURN_RAD):
        pose_rad = rest_rad.copy()
        low_rad, high_rad = first.position_min_rad + _MARGIN_RAD, first.position_max_rad - _MARGIN_RAD
        pose_rad[0] = np.clip(rest_rad[0] + turn_rad, low_rad, high_rad)
        poses.append(pose_rad)
    return tuple(poses)


def _driven(workplace: Workplace, arm: ArmSession) -> Iterator[None]:
    arm.hold()
    for pose_rad in side_poses(workplace.robot.arm):
        arm.move(pose_rad)
        yield


def _by_hand(workplace: Workplace, arm: ArmSession) -> Iterator[None]:
    operator = workplace.operator
    if any(arm.torque_before):
        operator.wait("support-arm", "Support the arm: it will be let go, and is yours to move.")
        arm.release()
    for where in ("where it may stay", "well to the left", "well to the right"):
        operator.wait("move-arm", f"Move the arm by hand {where}, take your hands out of the picture, and go on.")
        yield
