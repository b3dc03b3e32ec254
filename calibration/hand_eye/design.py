"""Which poses are worth going to: each next one is that which makes the camera's place surest.

A pose's worth is reckoned from the model itself: what its picture would tell about the camera, the board and the joint offsets,
with joints that scatter taken into account (the Fisher information). Chosen greedily from random candidates.
"""

from __future__ import annotations

import numpy as np

from calibration.geometry.transforms import Array
from calibration.hand_eye.model import N_PLACES
from calibration.hand_eye.refine import Doubts, free_links
from calibration.hand_eye.sighting import CornerSet
from calibration.hand_eye.space import Space, board_grid

N_CANDIDATES = 300
N_DRAWN = 2_000
N_DRAWS = 8
LIMIT_MARGIN_RAD = 0.05  # from the ends of the joints' travel
WORTH_M = 0.001  # an error of the place that is as bad ...
WORTH_RAD = np.radians(0.1)  # ... as this one of the turn
# What is known before the first picture: next to nothing, yet something, so that worths are finite.
VAGUE = np.concatenate([np.full(3, 1.0), np.full(3, 0.5), np.full(3, 1.0), np.full(3, 0.5)])


def candidates(space: Space, near_rad: Array, reach_rad: float, travel_rad: Array, rng: np.random.Generator) -> Array:
    """Return joints (pose, joint) from which the board is seen, and where the arm may be.

    No joint goes farther than `reach_rad` beyond the poses `near_rad` (pose, joint) where the board was seen; joints that the chain
    does not have stay as in the first of these. `travel_rad` is (joint, 2).
    """
    lowest = np.maximum(travel_rad[:, 0] + LIMIT_MARGIN_RAD, near_rad.min(axis=0) - reach_rad)
    highest = np.minimum(travel_rad[:, 1] - LIMIT_MARGIN_RAD, near_rad.max(axis=0) + reach_rad)
    fixed = [joint for joint in range(near_rad.shape[1]) if joint not in space.model.chain.joint_indices]
    lowest[fixed] = highest[fixed] = near_rad[0, fixed]
    found = np.empty((0, near_rad.shape[1]))
    for _ in range(N_DRAWS):
        # Around what is good already, near and far: far off, hardly one pose in a thousand sees the board.
        centres = np.concatenate([near_rad, found])[rng.integers(0, len(near_rad) + len(found), N_DRAWN)]
        scales = reach_rad * rng.uniform(0.0, 1.0, (N_DRAWN, 1)) ** 2
        drawn = np.clip(centres + scales * rng.uniform(-1.0, 1.0, centres.shape), lowest, highest)
        drawn = drawn[space.sees(drawn)]
        found = np.concatenate([found, drawn[space.clear(drawn)]])
    if len(found) > N_CANDIDATES:
        found = found[rng.choice(len(found), N_CANDIDATES, replace=False)]
    return found


def information(space: Space, positions_rad: Array, doubts: Doubts) -> Array:
    """Return what pictures from joints (pose, joint) would tell (pose, 12 + free, 12 + free)."""
    points = board_grid(space.board, 2, 2, margin_m=-space.board.square_m)
    n_poses, n_points = len(positions_rad), len(points)
    corners = CornerSet(
        pose=np.repeat(np.arange(n_poses), n_points),
        points_m=np.tile(points, (n_poses, 1)),
        pixels=np.zeros((n_poses * n_points, 2)),
        focal_px=np.array([space.intrinsics.focal_x_px, space.intrinsics.focal_y_px]),
        positions_rad=positions_rad,
    )
    n_links = len(space.guess.offset_rad)
    predicted = space.model.predict(corners, space.guess, np.zeros(N_PLACES + n_links))
    # Four corners stand for all of them, and so have less noise.
    pixel_px = doubts.pixel_px * np.sqrt(n_points / space.board.n_corners)
    free = list(free_links(n_links, doubts))
    by_joint = predicted.by_joint.reshape(n_poses, 2 * n_points, n_links)
    whole = np.concatenate([predicted.by_place.reshape(n_poses, 2 * n_points, N_PLACES), by_joint[:, :, free]], axis=2)
    spread = by_joint * (doubts.spread_rad or 0.0)
    noise = pixel_px**2 * np.eye(2 * n_points) + spread @ np.swapaxes(spread, 1, 2)
    weighed = np.asarray(np.linalg.solve(noise, whole), np.float64)
    return np.swapaxes(whole, 1, 2) @ weighed


def known_before(n_links: int, doubts: Doubts) -> Array:
    """Return what is known without any picture (12 + free, 12 + free)."""
    n_free = len(free_links(n_links, doubts))
    return np.diag(np.concatenate([VAGUE**-2.0, np.full(n_free, 1.0 / max(doubts.offset_rad, 1e-9) ** 2)]))


def badness(known: Array) -> Array:
    """Return the variance of the camera's place (...) that is left with what is `known` (..., n, n), 1 being WORTH_M."""
    covariance = np.linalg.inv(known)
    variances = np.diagonal(covariance, axis1=-2, axis2=-1)
    return variances[..., 0:3].sum(axis=-1) / WORTH_RAD**2 + variances[..., 3:6].sum(axis=-1) / WORTH_M**2


def choose(known: Array, offered: Array, n_poses: int) -> list[int]:
    """Return which `n_poses` of the pictures offered (pose, n, n) are best taken, in order, beside what is `known` (n, n)."""
    chosen: list[int] = []
    for _ in range(min(n_poses, len(offered))):
        worths = badness(known + offered)
        worths[chosen] = np.inf
        best = int(worths.argmin())
        chosen.append(best)
        known = known + offered[best]
    return chosen
