"""Where the arm goes to be captured: poses all over its ranges that are clear, in an order of short ways. Seeded, and pure."""

from __future__ import annotations

import itertools

import numpy as np

from calibration.capture.balance import Array, farthest
from calibration.capture.room import Room
from interfaces.arm_config import ArmConfig
from interfaces.errors import RefusedError

EDGE_RATIO = 0.04  # of each joint's range, at both ends, where the arm does not go
TRIED_PER_POSE = 60
CLEAR_MIN_RATIO = 0.005
N_ON_WAY = 20


def choose_poses(
    config: ArmConfig, room: Room, home_rad: Array, kept: Array, n_poses: int, rng: np.random.Generator
) -> Array:
    """Return clear poses (pose, joint), each as far as can be from all others and from `kept` (pose, joint), ranges as 0..1.

    To each there is a clear way from `home_rad` (joint,): not to the hand behind the arm's own back. The fingers are no higher
    than the room's ceiling. Raises RefusedError where hardly any pose is clear.
    """
    low, high = config.vector("position_min_rad"), config.vector("position_max_rad")
    scaled = rng.uniform(EDGE_RATIO, 1.0 - EDGE_RATIO, (TRIED_PER_POSE * n_poses, len(low)))
    positions = low + scaled * (high - low)
    clear = (room.margin_m(positions) > 0.0) & room.is_low(positions)
    if clear.mean() < CLEAR_MIN_RATIO:
        raise RefusedError(
            f"hardly any pose of the arm is clear of the table ({clear.mean():.1%} of those tried): is --table-z right?"
        )
    clear[clear] = room.clear_ways(home_rad, positions[clear])
    positions, scaled = positions[clear], scaled[clear]
    return positions[farthest(scaled, kept, n_poses)[0]]


def way_points(start_rad: Array, positions_rad: Array) -> Array:
    """Return points (point, joint) on the straight ways from pose to pose."""
    corners = np.vstack([start_rad, positions_rad])
    shares = np.linspace(0.0, 1.0, N_ON_WAY, endpoint=False)[:, None]
    return np.concatenate([a + shares * (b - a) for a, b in itertools.pairwise(corners)])


def short_order(start_rad: Array, positions_rad: Array, config: ArmConfig) -> Array:
    """Return poses (pose, joint), the nearest next one always first, beginning near `start_rad`; near is what takes little time."""
    speed = config.vector("velocity_max_rad_s")
    left = list(range(len(positions_rad)))
    order: list[int] = []
    here = start_rad
    while left:
        times = np.abs((positions_rad[left] - here) / speed).max(axis=1)
        order.append(left.pop(int(times.argmin())))
        here = positions_rad[order[-1]]
    return positions_rad[order]


def find_way(
    room: Room, config: ArmConfig, start_rad: Array, goal_rad: Array, home_rad: Array, detours_rad: Array
) -> list[Array] | None:
    """Return the poses to go through, the goal last: straight, or over home or a detour; None where there is no such way.

    Home (joint,) may be a pose that is not clear, as an arm that rests on the table is; detours are (pose, joint).
    """
    if is_clear(room, start_rad, goal_rad, home_rad):
        return [goal_rad]
    speed = config.vector("velocity_max_rad_s")
    through = np.vstack([home_rad, detours_rad])
    lengths = np.abs((through - start_rad) / speed).max(axis=1) + np.abs((goal_rad - through) / speed).max(axis=1)
    for index in np.argsort(lengths).tolist():
        detour_rad = home_rad if index == 0 else through[index]
        if is_clear(room, start_rad, detour_rad, home_rad) and is_clear(room, detour_rad, goal_rad, home_rad):
            return [detour_rad, goal_rad]
    return None


def is_clear(room: Room, start_rad: Array, goal_rad: Array, home_rad: Array) -> bool:
    """Return whether a straight way is clear; the way home is, where the way from home is."""
    if goal_rad is home_rad:
        start_rad, goal_rad = home_rad, start_rad
    return bool(room.clear_ways(start_rad, goal_rad[None])[0])
