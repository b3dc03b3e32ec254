"""Where the hand is for measured joints: forward kinematics of the robot file's chain, in plain numpy."""

from __future__ import annotations

import numpy as np

from calibration.geometry.transforms import Array, Transform, rotation_about, rotation_of, transform
from interfaces.chain_config import ChainConfig
from interfaces.errors import RefusedError
from interfaces.robot_config import RobotConfig


class Chain:
    """The arm's links; joints are those of the robot file, in its order, also those that the chain does not have."""

    def __init__(self, config: ChainConfig, joint_names: tuple[str, ...]) -> None:
        self._links = [
            (
                joint_names.index(link.joint),
                transform(rotation_of(link.rotation_wxyz), np.array(link.translation_m)),
                np.array(link.axis),
            )
            for link in config.links
        ]
        self.joint_indices = tuple(index for index, _, _ in self._links)
        self.tip_m = np.array(config.tip_m)

    def base_from_hand(self, position_rad: Array) -> Transform:
        """Return the hand's frame (4, 4) in the base's for joints (joint,)."""
        pose = np.eye(4)
        for index, fixed, axis in self._links:
            pose = pose @ fixed @ transform(rotation_about(axis * position_rad[index]), np.zeros(3))
        return pose

    def tip(self, position_rad: Array) -> Array:
        """Return where the fingers meet (3,), in the base's frame."""
        pose = self.base_from_hand(position_rad)
        return pose[:3, :3] @ self.tip_m + pose[:3, 3]


def chain_of(robot: RobotConfig) -> Chain:
    """Return the robot's chain; raises RefusedError where its file has none."""
    if robot.chain is None:
        raise RefusedError(f"robot {robot.name} has no table [chain], its links from base to hand; docs/calibration.md")
    return Chain(robot.chain, robot.arm.joint_names)
