"""Where the arm may go by itself while it is captured: above the table, and not through itself. Pure geometry on the chain.

Links are lines with a thickness. It knows of nothing else that stands around: the operator clears the table, and a motion ends
at a touch. A camera beside the arm, where a record says where it stands, is kept away from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.geometry.chain import Chain
from calibration.geometry.transforms import Array

Which = NDArray[np.bool_]
LINK_RADIUS_M = 0.05  # between the middle lines of two links, of a desktop arm
COLUMN_RADIUS_M = 0.065
CAMERA_ROOM_M = 0.12
START_SLACK_M = 0.001  # a pose that it already stands in may be as bad as it is, and no worse
N_PATH = 24
CEILING_RATIO = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What is known of the surroundings, in the frame of the arm's base."""

    chain: Chain
    table_z_m: float
    clearance_m: float
    cameras_m: Array  # (camera, 3) that stand beside the arm
    ceiling_m: float | None = (
        None  # over the table, for the fingers of the poses to go to; None: CEILING_RATIO of the arm's reach
    )

    def margin_m(self, positions_rad: Array) -> Array:
        """Return how far poses (pose, joint) are from being too near to anything (pose,); negative is too near."""
        frames = self.chain.link_frames(positions_rad)
        tips = frames[:, -1, :3, :3] @ self.chain.tip_m + frames[:, -1, :3, 3]
        hand = np.stack([tips, (tips + frames[:, -1, :3, 3]) / 2], axis=1)  # (pose, point, 3)
        low = np.concatenate([frames[:, 2:, :3, 3], hand], axis=1)
        margins = [low[:, :, 2].min(axis=1) - self.table_z_m - self.clearance_m]
        joints = np.concatenate([np.zeros((len(frames), 1, 3)), frames[:, :-1, :3, 3]], axis=1)
        margins += [  # the hand hangs on the last of these lines, and so may come near it
            _distance_m(hand, joints[:, k], joints[:, k + 1]).min(axis=1) - LINK_RADIUS_M
            for k in range(joints.shape[1] - 2)
        ]
        forearm = np.concatenate([frames[:, 3:, :3, 3], (frames[:, 2:-1, :3, 3] + frames[:, 3:, :3, 3]) / 2], axis=1)
        if forearm.shape[1]:  # neither comes it near the column that it stands on
            margins += [
                _distance_m(forearm, joints[:, k], joints[:, k + 1]).min(axis=1) - COLUMN_RADIUS_M for k in range(2)
            ]
        margins += [np.linalg.norm(low - camera, axis=2).min(axis=1) - CAMERA_ROOM_M for camera in self.cameras_m]
        return np.min(margins, axis=0)

    def is_low(self, positions_rad: Array) -> Which:
        """Return for which poses (pose, joint) the fingers are under the ceiling (pose,): where an arm works, not where it waves."""
        tips = self.chain.tips(positions_rad)
        ceiling_m = self.ceiling_m
        if ceiling_m is None:
            ceiling_m = CEILING_RATIO * float(np.linalg.norm(tips, axis=1).max())
        return np.asarray(tips[:, 2] < self.table_z_m + ceiling_m, np.bool_)

    def clear_ways(self, start_rad: Array, goals_rad: Array) -> Which:
        """Return to which poses (pose, joint) a straight way of the joints from `start_rad` (joint,) is clear (pose,)."""
        shares = np.linspace(0.0, 1.0, N_PATH)[1:]
        ways = start_rad + shares[:, None, None] * (goals_rad - start_rad)
        margins = self.margin_m(ways.reshape(-1, len(start_rad))).reshape(ways.shape[:2])
        worst = min(0.0, float(self.margin_m(start_rad[None])[0]) - START_SLACK_M)
        # On its way out the arm may be as near to something as it is where it stands; it must be clear from half way on.
        asked = np.where(shares < 0.5, worst, 0.0)
        return np.asarray((margins >= asked[:, None]).all(axis=0), np.bool_)


def _distance_m(points: Array, start: Array, end: Array) -> Array:
    """Return the distances (pose, point) of points (pose, point, 3) from lines between `start` and `end` (pose, 3)."""
    along = end - start
    length2 = np.maximum((along**2).sum(axis=1), 1e-12)
    share = np.einsum("pki,pi->pk", points - start[:, None], along) / length2[:, None]
    nearest = start[:, None] + np.clip(share, 0.0, 1.0)[:, :, None] * along[:, None]
    return np.linalg.norm(points - nearest, axis=2)
