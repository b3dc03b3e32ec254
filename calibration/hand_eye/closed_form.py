"""A first guess from whole poses: OpenCV's solvers, each on all poses and on small random subsets, and the best of them.

Which solver is best depends on the poses (few turns, noise), and one bad pose spoils all of them; both are met by trying, and
keeping what explains most of the pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np

from calibration.geometry.transforms import Array, Transform, inverse, inverses, transform
from calibration.hand_eye.model import Guess, HandEyeModel
from calibration.hand_eye.sighting import CornerSet, Sighting
from interfaces.errors import RefusedError

HAND_EYE = (  # without Tsai: no better than Park, and it complains to the terminal about small turns
    cv2.CALIB_HAND_EYE_PARK,
    cv2.CALIB_HAND_EYE_HORAUD,
    cv2.CALIB_HAND_EYE_DANIILIDIS,
    cv2.CALIB_HAND_EYE_ANDREFF,
)
ROBOT_WORLD = (cv2.CALIB_ROBOT_WORLD_HAND_EYE_SHAH, cv2.CALIB_ROBOT_WORLD_HAND_EYE_LI)
FEWEST_POSES = 4
N_SUBSETS = 12
SUBSET = 5
CLIPPED_PX = 50.0  # farther off is wrong altogether
SENSELESS_PX = 35.0  # most poses are


def first_guess(model: HandEyeModel, sightings: Sequence[Sighting], corners: CornerSet) -> Guess:
    """Return the best guess, joint offsets 0; raises RefusedError for poses too few, too much alike, or without a common place."""
    sure = [index for index, sighting in enumerate(sightings) if not sighting.ambiguous]
    if len(sure) < FEWEST_POSES:
        raise RefusedError(f"{len(sure)} poses with a board whose tilt is sure; expected {FEWEST_POSES} or more")
    offset_rad = np.zeros(len(model.chain.axes))
    others_from_parent = inverses(model.parent_from_others(corners.positions_rad, offset_rad))
    boards = np.stack([sighting.camera_from_board for sighting in sightings])
    guesses = [
        Guess(parent_from_camera=camera, other_from_board=board, offset_rad=offset_rad)
        for subset in _subsets(sure)
        for camera, board in _solutions(others_from_parent[subset], boards[subset])
    ]
    if not guesses:
        raise RefusedError("the poses do not turn the hand enough to tell where the camera is; turn it about two axes")
    best = min(guesses, key=lambda guess: typical_error_px(model, guess, corners))
    if typical_error_px(model, best, corners) > SENSELESS_PX:
        raise RefusedError(
            "no place of the camera fits the poses: check --mounting, the size of the board's squares (--square-mm), and the"
            " robot file's [chain] and joint directions"
        )
    return best


def typical_error_px(model: HandEyeModel, guess: Guess, corners: CornerSet) -> float:
    """Return how far corners are from where they should be: mean over poses, a pose that is wrong counting as CLIPPED_PX."""
    error_px = np.linalg.norm(
        model.predict(corners, guess, np.zeros(12 + len(guess.offset_rad))).pixels - corners.pixels, axis=1
    )
    by_pose = np.bincount(corners.pose, error_px) / np.bincount(corners.pose)
    return float(np.minimum(by_pose, CLIPPED_PX).mean())


def _subsets(sure: list[int]) -> Iterator[list[int]]:
    yield sure
    if len(sure) > SUBSET:
        rng = np.random.default_rng(0)
        for _ in range(N_SUBSETS):
            yield rng.choice(sure, SUBSET, replace=False).tolist()


def _solutions(others_from_parent: Array, boards: Array) -> Iterator[tuple[Transform, Transform]]:
    """Yield parent_from_camera and other_from_board of every solver that finds any."""
    hand_turns, hand_shifts = others_from_parent[:, :3, :3], others_from_parent[:, :3, 3]
    board_turns, board_shifts = boards[:, :3, :3], boards[:, :3, 3]
    # OpenCV's own types know no arrays of arrays. The method is named: as the fifth argument it would be an output.
    hand_eye: Any = cv2.calibrateHandEye
    robot_world: Any = cv2.calibrateRobotWorldHandEye
    for method in HAND_EYE:
        try:
            turn, shift = hand_eye(hand_turns, hand_shifts, board_turns, board_shifts, method=method)
        except cv2.error:
            continue
        camera = transform(np.asarray(turn, np.float64), np.asarray(shift, np.float64))
        if _is_rigid(camera):
            yield camera, _mean(others_from_parent @ camera @ boards)
    parents = inverses(others_from_parent)
    for method in ROBOT_WORLD:
        try:
            solved = robot_world(board_turns, board_shifts, parents[:, :3, :3], parents[:, :3, 3], method=method)
        except cv2.error:
            continue
        board_from_other, camera_from_parent = (
            transform(np.asarray(solved[k], np.float64), np.asarray(solved[k + 1], np.float64)) for k in (0, 2)
        )
        if _is_rigid(board_from_other) and _is_rigid(camera_from_parent):
            yield inverse(camera_from_parent), inverse(board_from_other)


def _is_rigid(pose: Transform) -> bool:
    turn = pose[:3, :3]
    return (
        bool(np.isfinite(pose).all()) and np.allclose(turn @ turn.T, np.eye(3), atol=1e-6) and np.linalg.det(turn) > 0
    )


def _mean(poses: Array) -> Transform:
    """Return the middle of poses: the rotation nearest to the sum of all, and the median of the places."""
    u, _, vt = np.linalg.svd(poses[:, :3, :3].sum(axis=0))
    turn = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
    return transform(turn, np.median(poses[:, :3, 3], axis=0))
