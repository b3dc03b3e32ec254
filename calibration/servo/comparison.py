"""Which joints changed since the last servo record. Pure.

A joint has changed where a number grew by a factor and by more than its measurement wanders from one time to the next: both, for
a factor alone would ring at every small number, and a difference alone at every large one (figures: docs/calibration/servo.md).
"""

from __future__ import annotations

import math

from interfaces.calibration.motion import ServoJoint

FRICTION_FACTOR, FRICTION_MORE_RATIO = 1.5, 0.02
BACKLASH_FACTOR, BACKLASH_MORE_RAD = 2.0, 0.003  # two ticks of a 12-bit encoder
ERROR_FACTOR, ERROR_MORE_RAD = 1.5, 0.01
SLOWER_FACTOR = 0.8
SAME_SPEED = 0.05  # relative: errors are compared at one speed only


def changes(before: ServoJoint, now: ServoJoint) -> list[str]:
    """Return what is worse than before, in words; empty where nothing is."""
    found: list[str] = []
    if _grew(before.friction_ratio, now.friction_ratio, FRICTION_FACTOR, FRICTION_MORE_RATIO):
        found.append(f"friction {now.friction_ratio:.1%} of the effort, was {before.friction_ratio:.1%}")
    if _grew(before.backlash_rad, now.backlash_rad, BACKLASH_FACTOR, BACKLASH_MORE_RAD):
        found.append(f"backlash {_degrees(now.backlash_rad)}, was {_degrees(before.backlash_rad)}")
    same_speed = abs(now.speed_tried_rad_s - before.speed_tried_rad_s) <= SAME_SPEED * before.speed_tried_rad_s
    if same_speed and _grew(before.following_error_rad, now.following_error_rad, ERROR_FACTOR, ERROR_MORE_RAD):
        found.append(f"following error {_degrees(now.following_error_rad)}, was {_degrees(before.following_error_rad)}")
    if now.velocity_suggested_rad_s < SLOWER_FACTOR * before.velocity_suggested_rad_s:
        found.append(
            f"follows up to {now.velocity_suggested_rad_s:.1f} rad/s, was {before.velocity_suggested_rad_s:.1f} rad/s"
        )
    return found


def _grew(before: float, now: float, factor: float, more: float) -> bool:
    return now > factor * before and now - before > more


def _degrees(angle_rad: float) -> str:
    return f"{math.degrees(angle_rad):.2f} degrees"
