"""Forward kinematics and Jacobian of the SO-101's tip, in plain arrays so that any thread may use them at any time."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sim.robot_model import load_robot_spec

Array = NDArray[np.float64]

# Bodies from base to hand; each of the five joints turns its body about its own z axis.
CHAIN = ("shoulder", "upper_arm", "lower_arm", "wrist", "gripper")
TIP_SITE = "gripperframe"


@dataclass(frozen=True, slots=True, kw_only=True)
class TipPose:
    """Where the tip is, how the hand is turned, and how both move with the joints."""

    position_m: Array  # (3,)
    base_from_hand: Array  # (3, 3); the fingers point along -z, the moving jaw is on the side of +x
    jacobian_m: Array  # (3, 5) metres a radian


@dataclass(frozen=True, slots=True, kw_only=True)
class Kinematics:
    """Constants of the chain, read from the model."""

    offsets: Array  # (5, 4, 4) parent from body at joint angle zero
    tip_in_hand_m: Array  # (3,)
    limits_rad: Array  # (6, 2)

    def tip_path(self, joints_rad: Array) -> Array:
        """Tip positions (k, 3) in metres for joints (k, 6)."""
        pose = np.broadcast_to(np.eye(4), (len(joints_rad), 4, 4))
        for i_joint, offset in enumerate(self.offsets):
            pose = pose @ offset @ _turns_about_z(joints_rad[:, i_joint])
        return pose[:, :3, :3] @ self.tip_in_hand_m + pose[:, :3, 3]

    def tip_pose(self, joints_rad: Array) -> TipPose:
        """Pose and Jacobian at joints (6,)."""
        turns = _turns_about_z(joints_rad)
        pose = np.eye(4)
        origins_m, axes = np.empty((5, 3)), np.empty((5, 3))
        for i_joint, offset in enumerate(self.offsets):
            pose = pose @ offset @ turns[i_joint]
            origins_m[i_joint], axes[i_joint] = pose[:3, 3], pose[:3, 2]
        tip_m = pose[:3, :3] @ self.tip_in_hand_m + pose[:3, 3]
        return TipPose(position_m=tip_m, base_from_hand=pose[:3, :3], jacobian_m=np.cross(axes, tip_m - origins_m).T)


@cache
def so101_kinematics() -> Kinematics:
    """The chain of the package's model."""
    model = load_robot_spec().compile()
    offsets = np.tile(np.eye(4), (len(CHAIN), 1, 1))
    for i_joint, name in enumerate(CHAIN):
        offsets[i_joint, :3, :3] = _matrix_from_quaternion(model.body(name).quat)
        offsets[i_joint, :3, 3] = model.body(name).pos
    return Kinematics(
        offsets=offsets, tip_in_hand_m=model.site(TIP_SITE).pos.copy(), limits_rad=model.jnt_range[:6].copy()
    )


def _turns_about_z(angles_rad: Array) -> Array:
    """Rotations (k, 4, 4)."""
    turns = np.zeros((len(angles_rad), 4, 4))
    turns[:, 0, 0] = turns[:, 1, 1] = np.cos(angles_rad)
    turns[:, 1, 0] = np.sin(angles_rad)
    turns[:, 0, 1] = -turns[:, 1, 0]
    turns[:, 2, 2] = turns[:, 3, 3] = 1.0
    return turns


def _matrix_from_quaternion(quaternion: Array) -> Array:
    w, x, y, z = quaternion / np.linalg.norm(quaternion)
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip
