"""How wrong a hand-eye calibration is: what counts, and what cannot be told from anything.

A constant offset of the chain's first joint turns everything on the table about that joint's axis, and one of the last joint
turns everything in the hand: no picture shows it, and nobody who goes by the same joints ever notices. So

    place, turn   are those of the camera in the base that the measured first joint shows (eye to hand), or in the hand that the
                  measured last joint shows (eye in hand): truth is turned by the true offset before it is compared
    reach         is free of such choices: the camera sees a point, the arm is sent there by the result, and this is how far the
                  tip stands from it; root mean square over random poses of the workspace
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibration.geometry.chain import Chain
from calibration.geometry.transforms import Array, Transform, angle_deg, inverse, inverses, rotation_about, transform
from calibration.hand_eye.model import Guess
from calibration.hand_eye.sighting import Mounting

N_REACHES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class HandEyeError:
    """How wrong one result is."""

    place_mm: float
    turn_deg: float
    reach_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HandEyeTruth:
    """Where camera and board really are, and what the joints really have (link,) beside what they say."""

    chain: Chain
    mounting: Mounting
    parent_from_camera: Transform
    offset_rad: Array

    def error(self, guess: Guess, workspace_rad: Array) -> HandEyeError:
        """Return how wrong a guess is; `workspace_rad` are joints (pose, joint) that the arm works in."""
        shown = self.camera_as_joints_show_it()
        apart_m = guess.parent_from_camera[:3, 3] - shown[:3, 3]
        turned = guess.parent_from_camera[:3, :3].T @ shown[:3, :3]
        return HandEyeError(
            place_mm=float(np.linalg.norm(apart_m)) * 1e3,
            turn_deg=angle_deg(turned),
            reach_mm=self._reach_mm(guess, workspace_rad),
        )

    def camera_as_joints_show_it(self) -> Transform:
        """Return parent_from_camera where the parent is the base or hand that joints without offsets at the ends would show."""
        n_joints = max(self.chain.joint_indices) + 1
        if self.mounting == "eye_to_hand":
            first = self.chain.link_frames(np.zeros((1, n_joints)))[0, 0]
            turn = transform(rotation_about(self.chain.axes[0] * self.offset_rad[0]), np.zeros(3))
            return first @ inverse(turn) @ inverse(first) @ self.parent_from_camera
        turn = transform(rotation_about(self.chain.axes[-1] * self.offset_rad[-1]), np.zeros(3))
        return turn @ self.parent_from_camera

    def _reach_mm(self, guess: Guess, workspace_rad: Array) -> float:
        """Return how far the tip is from points that the camera sees and the arm is sent to."""
        believed = self._corrected(workspace_rad, guess.offset_rad)
        real = self._corrected(workspace_rad, self.offset_rad)
        sent_to, really_at = self.chain.tips(believed), self.chain.tips(real)
        if self.mounting == "eye_to_hand":
            camera_from_base = inverse(guess.parent_from_camera)
            seen = sent_to @ camera_from_base[:3, :3].T + camera_from_base[:3, 3]
            there = seen @ self.parent_from_camera[:3, :3].T + self.parent_from_camera[:3, 3]
        else:  # seen from one pose, gone to in the next
            lookers = np.roll(np.arange(len(workspace_rad)), 1)
            hands = self.chain.base_from_hands(believed)[lookers] @ guess.parent_from_camera
            seen = inverses(hands) @ np.concatenate([sent_to, np.ones((len(sent_to), 1))], axis=1)[:, :, None]
            real_cameras = self.chain.base_from_hands(real)[lookers] @ self.parent_from_camera
            there = (real_cameras @ seen)[:, :3, 0]
        return _rms_mm(there, really_at)

    def _corrected(self, positions_rad: Array, offset_rad: Array) -> Array:
        result = positions_rad.copy()
        result[:, list(self.chain.joint_indices)] += offset_rad
        return result


def _rms_mm(one_m: Array, other_m: Array) -> float:
    return float(np.sqrt(((one_m - other_m) ** 2).sum(axis=1).mean())) * 1e3
