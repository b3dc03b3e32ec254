"""What is asked of one run of `forerun calibrate joints`: from the command line and the robot file."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from calibration.joints.zero import stops_of
from interfaces.arm_config import ArmConfig, JointConfig
from interfaces.errors import RefusedError
from interfaces.messages import JointVector

Reference = Literal["stops", "pose"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How the zeros are found."""

    joints: tuple[JointConfig, ...]
    reference: Reference
    pose_rad: JointVector  # (joint,) the pose in which the operator holds the arm where there are no stops to go by
    turns_freely: frozenset[str]  # joints without stops, whatever the robot file says
    ask_directions: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Return the joints' names, in order."""
        return tuple(joint.name for joint in self.joints)

    def stops_rad(self, joint: JointConfig) -> tuple[float, float] | None:
        """Return where the drawing has a joint's stops, None where it has none."""
        return stops_of(joint, turns_freely=joint.name in self.turns_freely)

    def with_free(self, names: frozenset[str]) -> Plan:
        """Return the plan, knowing of more joints that they have no stops."""
        return Plan(
            joints=self.joints,
            reference=self.reference,
            pose_rad=self.pose_rad,
            turns_freely=self.turns_freely | names,
            ask_directions=self.ask_directions,
        )


def add_plan_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a person can say about it."""
    parser.add_argument(
        "--reference",
        choices=("stops", "pose"),
        default="stops",
        help="zero is the middle between the stops, or where you hold the arm (default: stops)",
    )
    parser.add_argument(
        "--pose",
        action="extend",
        type=_listed,
        default=[],
        metavar="JOINT=DEGREES[,...]",
        help="the pose you hold the arm in where there are no stops to go by; joints not named are at 0",
    )
    parser.add_argument(
        "--no-stops",
        action="extend",
        type=_listed,
        default=[],
        metavar="JOINT[,...]",
        help="joints that turn freely, whatever the robot file says",
    )
    parser.add_argument(
        "--no-directions",
        action="store_true",
        help="believe the robot file which way the joints count; nobody is asked",
    )


def plan_for(arm: ArmConfig, arguments: argparse.Namespace) -> Plan:
    """Return the plan; raises RefusedError for a joint that the robot file does not have, or an angle that is none."""
    free = frozenset[str](arguments.no_stops)
    for name in free:
        _index(arm, name)
    pose_rad = np.zeros(len(arm.joints))
    for item in arguments.pose:
        name, _, angle = str(item).partition("=")
        pose_rad[_index(arm, name)] = math.radians(_number(item, angle))
    return Plan(
        joints=arm.joints,
        reference=arguments.reference,
        pose_rad=pose_rad,
        turns_freely=free,
        ask_directions=not arguments.no_directions,
    )


def _listed(text: str) -> list[str]:
    """Return what stands between commas: an option that took all words up to the next would take the robot file, too."""
    return [item.strip() for item in text.split(",") if item.strip()]


def _index(arm: ArmConfig, name: str) -> int:
    if name not in arm.joint_names:
        raise RefusedError(f"there is no joint {name!r}; this arm has {', '.join(arm.joint_names)}")
    return arm.joint_names.index(name)


def _number(item: object, angle: str) -> float:
    try:
        return float(angle)
    except ValueError as error:
        raise RefusedError(f"--pose {item}: expected JOINT=DEGREES, as elbow_flex=90") from error
