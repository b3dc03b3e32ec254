"""Where the hand is for measured joints: forward kinematics of the robot file's chain, in plain numpy."""

from __future__ import annotations

import numpy as np

from calibration.geometry.transforms import Array, Transform, cross_matrix, rotation_of, transform
from interfaces.chain_config import ChainConfig
from interfaces.errors import RefusedError
from interfaces.robot_config import RobotConfig


class Chain:
    """The arm's links; joints are those of the robot file, in its order, also those that the chain does not have."""

    def __init__(self, config: ChainConfig, joint_names: tuple[str, ...]) -> None:
        self.joint_indices = tuple(joint_names.index(link.joint) for link in config.links)
        self.tip_m = np.array(config.tip_m)
        self.axes = np.array([link.axis for link in config.links]) / np.linalg.norm(
            [link.axis for link in config.links], axis=1, keepdims=True
        )  # (link, 3), each in its own joint's frame
        self._fixed = [
            transform(rotation_of(link.rotation_wxyz), np.array(link.translation_m)) for link in config.links
        ]
        self._crosses = [cross_matrix(axis) for axis in self.axes]

    def link_frames(self, positions_rad: Array) -> Array:
        """Return the frame (pose, link, 4, 4) of every link, turned, in the base's, for joints (pose, joint)."""
        frames = np.empty((len(positions_rad), len(self._fixed), 4, 4))
        frame = np.broadcast_to(np.eye(4), (len(positions_rad), 4, 4))
        for k, (index, fixed, cross) in enumerate(zip(self.joint_indices, self._fixed, self._crosses, strict=True)):
            angles = positions_rad[:, index, None, None]
            turns = np.zeros((len(positions_rad), 4, 4))
            turns[:, :3, :3] = np.eye(3) + np.sin(angles) * cross + (1.0 - np.cos(angles)) * (cross @ cross)
            turns[:, 3, 3] = 1.0
            frames[:, k] = frame = frame @ fixed @ turns
        return frames

    def base_from_hands(self, positions_rad: Array) -> Array:
        """Return the hand's frames (pose, 4, 4) in the base's for joints (pose, joint)."""
        return self.link_frames(positions_rad)[:, -1]

    def base_from_hand(self, position_rad: Array) -> Transform:
        """Return the hand's frame (4, 4) in the base's for joints (joint,)."""
        return self.base_from_hands(position_rad[None])[0]

    def tips(self, positions_rad: Array) -> Array:
        """Return where the fingers meet (pose, 3), in the base's frame, for joints (pose, joint)."""
        hands = self.base_from_hands(positions_rad)
        return hands[:, :3, :3] @ self.tip_m + hands[:, :3, 3]

    def tip(self, position_rad: Array) -> Array:
        """Return where the fingers meet (3,), in the base's frame."""
        return self.tips(position_rad[None])[0]


def chain_of(robot: RobotConfig) -> Chain:
    """Return the robot's chain; raises RefusedError where its file has none."""
    if robot.chain is None:
        raise RefusedError(f"robot {robot.name} has no table [chain], its links from base to hand; docs/calibration.md")
    return Chain(robot.chain, robot.arm.joint_names)
