"""Absolute targets, and the actions that Meta-World takes instead: how far to move the point that draws the hand along. Pure.

    target (x, y, z, opening)  --minus where that point is, at most 10 mm an axis a step-->  action (dx, dy, dz, effort) in -1..1

Absolute, because a chunk of targets then says the same whenever it is read, early or late, as on our arm. Meta-World's experts say
how far to go from here; `from_here` makes a target of that. It lies LEAD_M ahead at full speed, which is what the point runs ahead of
the hand when an expert drives by itself (measured: 30 to 120 mm): so the target depends on what can be seen, and not, as the point does,
on what was asked before.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

ACTION_M = 0.010  # what an action of 1 moves the point by
LEAD_M = 0.080


def from_here(hand_m: Vector, action: Vector) -> Vector:
    """Return the target (4,) of an expert whose hand is at `hand_m` (3,) and whose action is (4,); beyond -1..1 it is clipped."""
    clipped = np.clip(action, -1.0, 1.0)
    return np.append(hand_m + LEAD_M * clipped[:3], (1.0 - clipped[3]) / 2.0)  # an effort of 1 closes the fingers


def action_towards(target: Vector, point_m: Vector) -> Vector:
    """Return the action (4,) that moves the point (3,) towards a target (4,)."""
    moves = np.clip((target[:3] - point_m) / ACTION_M, -1.0, 1.0)
    return np.append(moves, 1.0 - 2.0 * np.clip(target[3], 0.0, 1.0))
