"""Where the arm may go by itself: above the table, away from the camera, and the board away from the arm that holds it.

Plain geometry on the chain: links are lines with a thickness, the board is a grid of points. It knows of nothing else that stands
on the table: the operator clears it ("clear-table"), and a motion ends at a touch (calibration/session/arm_session.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.board.board import BoardSpec
from calibration.geometry.transforms import Array
from calibration.hand_eye.model import Guess, HandEyeModel
from interfaces.device_facts import CameraIntrinsics

LINK_RADIUS_M = 0.035
CAMERA_ROOM_M = 0.12  # between the camera beside the arm and the nearest point of hand or board
CAMERA_BODY_M = 0.03  # of a camera on the hand, around its lens
BOARD_MARGIN_M = 0.012  # of paper around the squares
EDGE_RATIO = 0.02  # of the picture, along its edges, where no corner should be
TILT_MAX_DEG = 60.0
SQUARE_MIN_PX = 12.0  # smaller squares have markers that cannot be read
N_PATH = 16

PoseFlags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """The table, the board and the camera, as far as they are known."""

    model: HandEyeModel
    guess: Guess
    board: BoardSpec
    intrinsics: CameraIntrinsics
    table_z_m: float  # height of the table in the base's frame
    clearance_m: float

    def sees(self, positions_rad: Array) -> PoseFlags:
        """Return for which joints (pose, joint) the camera sees all of the board well (pose,)."""
        boards = self.model.camera_from_boards(positions_rad, self.guess)
        in_camera = _apply(boards, board_grid(self.board, 3, 3, margin_m=0.0))
        depth = in_camera[:, :, 2]
        ahead = (depth > 0.05).all(axis=1)
        focal = np.array([self.intrinsics.focal_x_px, self.intrinsics.focal_y_px])
        size = np.array([self.intrinsics.width_px, self.intrinsics.height_px])
        centre = np.array([self.intrinsics.centre_x_px, self.intrinsics.centre_y_px])
        pixels = focal * in_camera[:, :, :2] / np.maximum(depth, 1e-3)[:, :, None] + centre
        inside = ((pixels > EDGE_RATIO * size) & (pixels < (1.0 - EDGE_RATIO) * size)).all(axis=(1, 2))
        middle = in_camera[:, 4]
        facing = np.einsum("pi,pi->p", boards[:, :3, 2], middle) / np.linalg.norm(middle, axis=1)
        far = self.board.square_m * focal.min() * facing / np.maximum(depth.max(axis=1), 1e-3) < SQUARE_MIN_PX
        return ahead & inside & (facing > np.cos(np.radians(TILT_MAX_DEG))) & ~far

    def clear(self, positions_rad: Array) -> PoseFlags:
        """Return for which joints (pose, joint) nothing comes too near to anything (pose,)."""
        corrected = self.model.corrected(positions_rad, self.guess.offset_rad)
        frames = self.model.chain.link_frames(corrected)
        tips = frames[:, -1, :3, :3] @ self.model.chain.tip_m + frames[:, -1, :3, 3]
        held = np.concatenate([tips[:, None], self._held(frames[:, -1])], axis=1)  # (pose, point, 3)
        low = np.concatenate([frames[:, 2:, :3, 3], held], axis=1)
        above = (low[:, :, 2] > self.table_z_m + self.clearance_m).all(axis=1)
        joints = np.concatenate([np.zeros((len(frames), 1, 3)), frames[:, :-1, :3, 3]], axis=1)
        # The hand hangs on the last of these lines, and so may come near it.
        lines = [_distance_m(held, joints[:, k], joints[:, k + 1]) for k in range(joints.shape[1] - 2)]
        free = np.stack(lines).min(axis=(0, 2)) > LINK_RADIUS_M
        if self.model.mounting == "eye_in_hand":
            return above & free
        camera_m = self.guess.parent_from_camera[:3, 3]
        return above & free & (np.linalg.norm(low - camera_m, axis=2) > CAMERA_ROOM_M).all(axis=1)

    def clear_way(self, start_rad: Array, positions_rad: Array) -> PoseFlags:
        """Return to which joints (pose, joint) a straight way from `start_rad` (joint,) is clear (pose,)."""
        shares = np.linspace(0.0, 1.0, N_PATH)[1:, None, None]
        ways = start_rad + shares * (positions_rad - start_rad)
        clear = self.clear(ways.reshape(-1, len(start_rad))).reshape(ways.shape[:2])
        return np.all(clear, axis=0)

    def _held(self, base_from_hands: Array) -> Array:
        """Return points (pose, point, 3), in the base's frame, of what the hand carries."""
        if self.model.mounting == "eye_to_hand":
            points = board_grid(self.board, 5, 4, margin_m=BOARD_MARGIN_M)
            return _apply(base_from_hands @ self.guess.other_from_board, points)
        lens = self.guess.parent_from_camera
        around = np.concatenate([np.zeros((1, 3)), CAMERA_BODY_M * np.eye(3)[:2], -CAMERA_BODY_M * np.eye(3)[:2]])
        return _apply(base_from_hands @ lens, around)


def board_grid(board: BoardSpec, n_x: int, n_y: int, *, margin_m: float) -> Array:
    """Return points (n_x * n_y, 3) over the whole board, in its frame."""
    width_m, height_m = board.size_m
    x, y = np.meshgrid(
        np.linspace(-margin_m, width_m + margin_m, n_x), np.linspace(-margin_m, height_m + margin_m, n_y)
    )
    return np.stack([x.ravel(), y.ravel(), np.zeros(n_x * n_y)], axis=1)


def _apply(poses: Array, points: Array) -> Array:
    """Return points (pose, point, 3) of `points` (point, 3) in frames (pose, 4, 4)."""
    return points @ np.swapaxes(poses[:, :3, :3], 1, 2) + poses[:, None, :3, 3]


def _distance_m(points: Array, start: Array, end: Array) -> Array:
    """Return the distances (pose, point) of points (pose, point, 3) from lines between `start` and `end` (pose, 3)."""
    along = end - start
    length2 = np.maximum((along**2).sum(axis=1), 1e-12)
    share = np.einsum("pki,pi->pk", points - start[:, None], along) / length2[:, None]
    nearest = start[:, None] + np.clip(share, 0.0, 1.0)[:, :, None] * along[:, None]
    return np.linalg.norm(points - nearest, axis=2)
