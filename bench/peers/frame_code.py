"""How a frame's number travels from the camera's pixels to the servos' goals, so that the age of a command is measured from outside.

    camera: number n in bits, as black and white squares
    stub model: reads n from the pixels it is given, after whatever its runtime did to them; every row of its chunk is one pose:
        joints 0 to 4   FIRST + rise * n + i/5 ticks                a slope, for the age of every command
        joint 5         FIRST + 50 * (n // 12) ticks                a stair every 12 frames, for the reaction to something new
    servos: write down every goal, and when it came

Age. The mean of the five sloping goals, less the mean of their offsets, over the rise, is n again, and frame n was taken at a known
instant. Where goals are a blend of several chunks, it is the weighted mean of their frames: what blending, filters, and limits of
speed, acceleration and jerk cost in freshness is counted, for everybody. Since all rows of a chunk are one pose, a runtime that
smooths motion pays for it here in full; with a policy whose rows go on moving it would pay only for what changes at a seam.
Resolution: goals are whole ticks; the five offsets make that a fifth of a tick, 1 ms at 200 ticks/s.

Reaction. From the capture of the first frame of a stair to the first goal of joint 5 that leaves the stair before it: how long
something new in the picture needs to have any effect, smoothed or not.

The slope is slow (0.3 rad/s), so that no sensible limit matters; much slower it must not be, because LeRobot's server drops
observations that differ by less than 1 degree from the last.

Needs numpy only: it is run by the peers' own Python, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDTH_PX, HEIGHT_PX = 424, 240
N_JOINTS = 6
FIRST_TICKS = 100.0
LAST_TICKS = 3990.0
STAIR_FRAMES = 12
STAIR_TICKS = 50

_BITS = 12
_SQUARE_PX = 24
_GREY = 90
_OFFSET_TICKS = np.arange(N_JOINTS - 1) / (N_JOINTS - 1)  # rounds differently in every joint
_SAME_TICKS = 1  # a goal so near to its stair still stands on it


def picture_of(number: int) -> NDArray[np.uint8]:
    """Return a picture, (height, width, 3), that shows `number`, 0 to 4095."""
    rgb = np.full((HEIGHT_PX, WIDTH_PX, 3), _GREY, np.uint8)
    for bit in range(_BITS):
        left = bit * _SQUARE_PX
        rgb[:_SQUARE_PX, left : left + _SQUARE_PX] = 255 if number >> bit & 1 else 0
    return rgb


def number_in(picture: NDArray[Any], white: float) -> int:
    """Return the number that a picture, (height, width, 3), shows, whose white is `white`."""
    middle = _SQUARE_PX // 2
    return sum(1 << bit for bit in range(_BITS) if picture[middle, bit * _SQUARE_PX + middle, 0] > white / 2)


@dataclass(frozen=True)
class GoalCode:
    """Goals that tell a frame's number for so long from the first frame on; after that they stand still."""

    lasts_s: float
    camera_hz: float

    @property
    def rise_ticks(self) -> float:
        """Return the rise of the slope from frame to frame."""
        return (LAST_TICKS - FIRST_TICKS) / (self.lasts_s * self.camera_hz)

    def ticks(self, number: int) -> NDArray[np.float64]:
        """Return the goals, (joint,), for a frame; not rounded."""
        slope = min(FIRST_TICKS + self.rise_ticks * number, LAST_TICKS) + _OFFSET_TICKS
        stair = min(FIRST_TICKS + STAIR_TICKS * (number // STAIR_FRAMES), LAST_TICKS)
        return np.append(slope, stair)

    def numbers(self, goal_ticks: NDArray[Any]) -> NDArray[np.float64]:
        """Return the frame numbers, fractional where frames were blended, behind goals, (command, joint)."""
        return (goal_ticks[:, :-1].mean(axis=1) - _OFFSET_TICKS.mean() - FIRST_TICKS) / self.rise_ticks

    def stairs(self, goal_ticks: NDArray[Any]) -> NDArray[np.int64]:
        """Return the number of the stair that each of the goals, (command, joint), stands on or is on its way to."""
        climbed = goal_ticks[:, -1] - FIRST_TICKS - _SAME_TICKS
        return np.ceil(climbed / STAIR_TICKS).astype(np.int64)
