"""The proof of a calibration: with the new zeros the arm holds, and each joint moves a few degrees to and fro, slowly and weakly.

It starts from where the arm stands by itself while limp, and ends there, so that it may be let go at any moment.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from calibration.session.arm_session import ArmSession
from calibration.session.workplace import Workplace
from interfaces.arm_config import AnyArmConfig, ArmConfig
from interfaces.device_facts import MotorIdentity
from interfaces.errors import RefusedError
from interfaces.messages import JointState, JointVector

MOTION_RAD = math.radians(3.0)  # either way
SPEED_RATIO = 0.08  # of the robot file's velocity
EFFORT_MAX_RATIO = 0.6  # written into the motors for the proof
TOUCH_RATIO = 0.5  # pushing harder than this for a moment ends it
OUTSIDE_RAD = 0.26  # 15 degrees: so far outside its limits a joint is not moved back, but refused
SETTLE_NS = 500_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the small motion showed."""

    errors_rad: tuple[float, ...]  # (joint,) between the motion commanded and measured, others' motion included
    joints: JointState  # measured last
    identity: tuple[MotorIdentity, ...]  # with the homing offsets that the motors keep now


def prove(workplace: Workplace, arm: AnyArmConfig) -> Proof:
    """Return how well the arm moves with the homes of `arm`; it is limp at the end, also after an error or Ctrl-C.

    Raises DeviceError when it pushes against something.
    """
    gentle = gentle_arm(arm)
    limp = (False,) * len(arm.joints)
    made = workplace.make_arm(gentle)
    # Let go where it began, and stood limp: no pose can be gone to by zeros that are not proved.
    with ArmSession(made, gentle, workplace.clock, workplace.operator, torque_before=limp, stands=True) as session:
        return _prove(workplace, session)


def _prove(workplace: Workplace, session: ArmSession) -> Proof:
    arm = session.config
    _require_inside(arm, session.hold().position_rad)
    start_rad = session.stand(SETTLE_NS).position_rad
    errors_rad: list[float] = []
    for index, name in enumerate(arm.joint_names):
        workplace.operator.progress(f"moving {name}", index / len(arm.joints))
        errors_rad.append(_swing(session, start_rad, index))
    workplace.operator.progress("every joint was moved", 1.0)
    joints = session.move(start_rad, speed_ratio=SPEED_RATIO, effort_max_ratio=TOUCH_RATIO)
    return Proof(errors_rad=tuple(errors_rad), joints=joints, identity=session.identity)


def gentle_arm(arm: AnyArmConfig) -> AnyArmConfig:
    """Return the arm with motors that push no harder than this proof needs."""
    joints = tuple(
        replace(cast("Any", joint), effort_max_ratio=min(joint.effort_max_ratio, EFFORT_MAX_RATIO))
        for joint in arm.joints
    )
    return cast("AnyArmConfig", replace(cast("Any", arm), joints=joints))


def _swing(session: ArmSession, start_rad: JointVector, index: int) -> float:
    """Return by how much one joint's motion from one side to the other was off, or another joint moved with it.

    The joint swung before goes back on the way to the first side.
    """
    joint = session.config.joints[index]
    middle_rad = float(
        np.clip(start_rad[index], joint.position_min_rad + MOTION_RAD, joint.position_max_rad - MOTION_RAD)
    )
    places: list[JointVector] = []
    for goal_rad in (middle_rad + MOTION_RAD, middle_rad - MOTION_RAD):
        pose_rad = start_rad.copy()
        pose_rad[index] = goal_rad
        joints = session.move(pose_rad, speed_ratio=SPEED_RATIO, effort_max_ratio=TOUCH_RATIO)
        places.append(joints.position_rad)
    off_rad = places[0] - places[1]
    off_rad[index] -= 2 * MOTION_RAD
    return float(np.abs(off_rad).max())


def _require_inside(arm: ArmConfig, position_rad: JointVector) -> None:
    low, high = arm.vector("position_min_rad"), arm.vector("position_max_rad")
    outside_rad = np.maximum(low - position_rad, position_rad - high)
    worst = int(outside_rad.argmax())
    if outside_rad[worst] > OUTSIDE_RAD:
        raise RefusedError(
            f"{arm.joint_names[worst]} stands at {math.degrees(position_rad[worst]):.0f} degrees, far outside its limits"
            f" {math.degrees(low[worst]):.0f} to {math.degrees(high[worst]):.0f}; put the arm inside, and begin again"
        )
