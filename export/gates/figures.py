"""How far a candidate's outputs are from the reference's: worst case over frames, rows and joints, and where it was.

One cosine over everything hides the frame in three hundred that goes wrong, and a cosine of joint angles hides nearly all: their offset
alone makes it look good. So angles are first taken relative to the mean of the reference's, in units of its range, joint by joint.

    range      max - min of the reference over all frames and rows; at least a tenth of the widest joint's: of a joint that hardly moves,
               everything is a large part
    error      |candidate - reference| / range, of the worst row; for each frame and joint
    cosine     of a frame, over its rows and joints; of a joint, over all frames and rows. A reference that stays within a fiftieth of
               the range (rms) around its mean has no direction that could be lost: there, only the error counts
    foresight  cosine of the tokens of a frame, as they are

Everything is computed in float64. NaN in any output makes the worst case NaN, which passes no gate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_RANGE_FLOOR_RATIO = 0.1  # of the widest joint's
_DIRECTION_MIN_RATIO = 0.02  # of the range: as much as int8 may be off

Array = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Worst:
    """The worst of a figure, and where it was: "frame 217, joint wrist_flex"."""

    value: float
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JointFigures:
    """One joint, over all frames."""

    joint: str
    range_rad: float  # of the reference, not less than the floor
    max_abs_rad: float
    frame: int  # where that was
    cosine: float | None  # None: it does not move enough to have one

    @property
    def error_ratio(self) -> float:
        """Return the largest error, of the range."""
        return self.max_abs_rad / self.range_rad if self.range_rad > 0 else float(self.max_abs_rad > 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All figures of one candidate."""

    frames: int
    action_error: Worst  # ratio of the range
    action_cosine: Worst
    foresight_cosine: Worst
    action_max_abs_rad: Worst
    foresight_max_abs: Worst
    joints: tuple[JointFigures, ...]


def compare(
    reference_tokens: Array, reference_positions: Array, tokens: Array, positions: Array, joints: tuple[str, ...]
) -> Figures:
    """Return the figures of a candidate's tokens (frame, ...) and positions (frame, row, joint) against the reference's."""
    comparison = Comparison(joints)
    for reference_and_candidate in zip(reference_tokens, reference_positions, tokens, positions, strict=True):
        comparison.add(*reference_and_candidate)
    return comparison.figures()


class Comparison:
    """Takes the outputs frame by frame: of a large network, the tokens of all frames would not fit into memory."""

    def __init__(self, joints: tuple[str, ...]) -> None:
        self._joints = joints
        self._foresight_cosine: list[float] = []
        self._foresight_off: list[float] = []
        self._reference: list[NDArray[np.float64]] = []
        self._candidate: list[NDArray[np.float64]] = []

    def add(self, reference_tokens: Array, reference_positions: Array, tokens: Array, positions: Array) -> None:
        """Take one frame: tokens of any shape, positions (row, joint); they may be written over afterwards."""
        told, found = (np.asarray(one, np.float64).ravel() for one in (reference_tokens, tokens))
        self._foresight_cosine.append(_cosine(told, found))
        self._foresight_off.append(float(np.max(np.abs(found - told))))
        self._reference.append(np.array(reference_positions, np.float64))
        self._candidate.append(np.array(positions, np.float64))

    def figures(self) -> Figures:
        """Return the figures of all frames; raises ValueError where there are none."""
        reference, candidate = np.stack(self._reference), np.stack(self._candidate)  # (frame, row, joint)
        off_rad = np.abs(candidate - reference).max(axis=1)  # (frame, joint)
        range_rad, moves = _ranges(reference)
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.where(off_rad == 0, 0.0, off_rad / range_rad)
            mean_rad = reference.mean(axis=(0, 1))
            told, found = (reference - mean_rad) / range_rad, (candidate - mean_rad) / range_rad
        joints = tuple(
            JointFigures(
                joint=name,
                range_rad=float(range_rad[k]),
                max_abs_rad=float(off_rad[:, k].max()),
                frame=int(off_rad[:, k].argmax()),
                cosine=_directed_cosine(told[:, :, k], found[:, :, k]) if moves[k] else None,
            )
            for k, name in enumerate(self._joints)
        )
        by_frame = [_directed_cosine(*pair) for pair in zip(told, found, strict=True)]
        cosines = [(cosine, f"frame {index}") for index, cosine in enumerate(by_frame)]
        cosines += [(one.cosine, f"joint {one.joint}") for one in joints]
        return Figures(
            frames=len(reference),
            action_error=self._at_frame_and_joint(error),
            action_cosine=_smallest(cosines),
            foresight_cosine=_smallest([(each, f"frame {i}") for i, each in enumerate(self._foresight_cosine)]),
            action_max_abs_rad=self._at_frame_and_joint(off_rad),
            foresight_max_abs=_largest_frame(self._foresight_off),
            joints=joints,
        )

    def _at_frame_and_joint(self, values: NDArray[np.float64]) -> Worst:
        frame, joint = np.unravel_index(int(values.argmax()), values.shape)  # the first NaN, where there is one
        return Worst(float(values[frame, joint]), f"frame {frame}, joint {self._joints[joint]}")


def _ranges(reference: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the range of each joint, not below the floor, and whether it is above it."""
    range_rad = reference.max(axis=(0, 1)) - reference.min(axis=(0, 1))
    floor_rad = _RANGE_FLOOR_RATIO * range_rad.max()
    return np.maximum(range_rad, floor_rad), range_rad > floor_rad


def _cosine(told: NDArray[np.float64], found: NDArray[np.float64]) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.vdot(told, found) / (np.linalg.norm(told) * np.linalg.norm(found)))


def _directed_cosine(told: NDArray[np.float64], found: NDArray[np.float64]) -> float | None:
    """Return the cosine, None where the reference has no direction to speak of."""
    if np.sqrt(np.mean(told**2)) < _DIRECTION_MIN_RATIO:
        return None
    return _cosine(told, found)


def _smallest(cosines: list[tuple[float | None, str]]) -> Worst:
    known = [(cosine, where) for cosine, where in cosines if cosine is not None]
    if not known:
        return Worst(float("nan"), "every frame: the reference never moves")
    index = int(np.argmin([cosine for cosine, _ in known]))  # the first NaN, where there is one
    return Worst(*known[index])


def _largest_frame(values: list[float]) -> Worst:
    index = int(np.argmax(values))
    return Worst(values[index], f"frame {index}")
