"""Where the board's corners should be in the pictures, and how that depends on each thing not known.

    eye to hand:  camera_from_board = parent_from_camera^-1 . base_from_hand(joints)    . other_from_board
    eye in hand:  camera_from_board = parent_from_camera^-1 . base_from_hand(joints)^-1 . other_from_board

Both transforms are turned and shifted from the right, in the camera's and in the board's own frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibration.geometry.chain import Chain
from calibration.geometry.transforms import Array, Transform, cross_matrix, inverse, inverses, rotation_about, transform
from calibration.hand_eye.sighting import CornerSet, Mounting

N_PLACES = 12  # numbers of the two transforms: turn and shift of the camera, turn and shift of the board
NEAREST_M = 1e-3  # a point behind the camera is taken as so far before it: a wrong guess must not divide by zero


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """All that is to be found."""

    parent_from_camera: Transform
    other_from_board: Transform
    offset_rad: Array  # (link,) to be added to the measured joints of the chain

    def moved(self, step: Array) -> Guess:
        """Return the guess moved by `step` (12 + link,): turn and shift of the camera, of the board, and joint offsets."""
        return Guess(
            parent_from_camera=self.parent_from_camera @ transform(rotation_about(step[0:3]), step[3:6]),
            other_from_board=self.other_from_board @ transform(rotation_about(step[6:9]), step[9:12]),
            offset_rad=self.offset_rad + step[N_PLACES:],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """Pixels predicted, and their slopes."""

    pixels: Array  # (corner, 2) as in CornerSet
    by_place: Array  # (corner, 2, 12) a radian or a metre
    by_joint: Array  # (corner, 2, link) a radian of each joint in the corner's own pose


class HandEyeModel:
    """One arm and one way of mounting the camera."""

    def __init__(self, chain: Chain, mounting: Mounting) -> None:
        self.chain = chain
        self.mounting: Mounting = mounting

    def corrected(self, positions_rad: Array, offset_rad: Array) -> Array:
        """Return joints (pose, joint) with the offsets (link,) of the chain's joints added."""
        result = positions_rad.copy()
        result[:, list(self.chain.joint_indices)] += offset_rad
        return result

    def parent_from_others(self, positions_rad: Array, offset_rad: Array) -> Array:
        """Return what the arm's joints (pose, joint) say (pose, 4, 4)."""
        hands = self.chain.base_from_hands(self.corrected(positions_rad, offset_rad))
        return hands if self.mounting == "eye_to_hand" else inverses(hands)

    def camera_from_boards(self, positions_rad: Array, guess: Guess) -> Array:
        """Return where the board should stand before the camera (pose, 4, 4)."""
        parent_from_others = self.parent_from_others(positions_rad, guess.offset_rad)
        return inverse(guess.parent_from_camera) @ parent_from_others @ guess.other_from_board

    def predict(self, corners: CornerSet, guess: Guess, step: Array) -> Predicted:
        """Return pixels and slopes at `guess.moved(step)`; slopes are by the numbers of `step`."""
        there = guess.moved(step)
        frames = self.chain.link_frames(self.corrected(corners.positions_rad, there.offset_rad))
        hands = frames[:, -1] if self.mounting == "eye_to_hand" else inverses(frames[:, -1])
        turn_other = hands[corners.pose, :3, :3]  # (corner, 3, 3)
        turn_camera = there.parent_from_camera[:3, :3].T
        in_other = corners.points_m @ there.other_from_board[:3, :3].T + there.other_from_board[:3, 3]
        in_parent = _turned(turn_other, in_other) + hands[corners.pose, :3, 3]
        in_camera = (in_parent - there.parent_from_camera[:3, 3]) @ turn_camera.T
        camera_from_other = turn_camera @ turn_other
        moves = np.concatenate(
            [
                _crosses(in_camera) @ _right_jacobian(step[0:3]),
                np.broadcast_to(-rotation_about(-step[0:3]), (len(in_camera), 3, 3)),
                -camera_from_other
                @ there.other_from_board[:3, :3]
                @ _crosses(corners.points_m)
                @ _right_jacobian(step[6:9]),
                camera_from_other @ guess.other_from_board[:3, :3],
            ],
            axis=2,
        )
        by_joint = self._by_joint(frames[corners.pose], in_other, in_parent)
        slope, pixels = _pinhole(in_camera, corners.focal_px)
        return Predicted(pixels=pixels, by_place=slope @ moves, by_joint=slope @ turn_camera @ by_joint)

    def _by_joint(self, frames: Array, in_other: Array, in_parent: Array) -> Array:
        """Return how points move in the parent's frame (corner, 3, link) with each joint."""
        axes = np.einsum("clij,lj->cli", frames[:, :, :3, :3], self.chain.axes)
        if self.mounting == "eye_to_hand":
            return np.swapaxes(np.cross(axes, in_parent[:, None] - frames[:, :, :3, 3]), 1, 2)
        # The point stands in the base, and the hand moves away below it.
        moved = np.swapaxes(np.cross(axes, in_other[:, None] - frames[:, :, :3, 3]), 1, 2)
        return -np.swapaxes(frames[:, -1, :3, :3], 1, 2) @ moved


def _turned(turns: Array, points: Array) -> Array:
    return np.einsum("cij,cj->ci", turns, points)


def _crosses(vectors: Array) -> Array:
    """Return the cross product matrices (vector, 3, 3) of vectors (vector, 3)."""
    result = np.zeros((len(vectors), 3, 3))
    x, y, z = vectors.T
    result[:, 0, 1], result[:, 0, 2], result[:, 1, 2] = -z, y, -x
    result[:, 1, 0], result[:, 2, 0], result[:, 2, 1] = z, -y, x
    return result


def _right_jacobian(turn: Array) -> Array:
    """Return how a rotation goes on, in its own frame, with its axis times angle: the right Jacobian of SO(3)."""
    angle = float(np.linalg.norm(turn))
    cross = cross_matrix(turn)
    if angle < 1e-6:
        return np.eye(3) - cross / 2.0
    part = (1.0 - np.cos(angle)) / angle**2
    return np.eye(3) - part * cross + (angle - np.sin(angle)) / angle**3 * cross @ cross


def _pinhole(in_camera: Array, focal_px: Array) -> tuple[Array, Array]:
    """Return slopes (corner, 2, 3) and pixels (corner, 2) of points (corner, 3)."""
    depth = np.maximum(in_camera[:, 2], NEAREST_M)
    pixels = focal_px * in_camera[:, :2] / depth[:, None]
    slope = np.zeros((len(in_camera), 2, 3))
    slope[:, 0, 0], slope[:, 1, 1] = focal_px[0] / depth, focal_px[1] / depth
    slope[:, :, 2] = -pixels / depth[:, None]
    return slope, pixels
