"""Counts of encoders that begin anew every turn, made continuous. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from interfaces.errors import DeviceError

Counts = NDArray[np.float64]  # (joint,), in counts of the motors' own encoders

STEP_MAX_RATIO = (
    0.25  # of a turn between two readings; hands are slower by far, so more means that readings are missing
)


class Unwrapper:
    """Follows the counts of all joints across their encoders' seams."""

    def __init__(self, names: Sequence[str], counts_per_turn: float | None, near: Counts | None = None) -> None:
        """`counts_per_turn` is after how many the encoders begin anew; None where they do not.

        The first reading is taken as it is, or, with `near`, (joint,), as what it may also mean that is closest to that.
        """
        self._names = names
        self._period = counts_per_turn
        self._near = near
        self._last: Counts | None = None

    def add(self, counts: Counts) -> Counts:
        """Return `counts`, (joint,), as continuous ones; raises DeviceError where a joint moved too far to know which way."""
        if self._period is None:
            return counts.astype(np.float64)
        if self._last is None:
            near = counts if self._near is None else self._near
            self._last = near + _shortest(counts - near, self._period)
            return self._last
        step = _shortest(counts - self._last, self._period)
        far = np.abs(step) > STEP_MAX_RATIO * self._period
        if far.any():
            raise DeviceError(
                f"{self._names[int(far.argmax())]} moved by more than {STEP_MAX_RATIO:g} of a turn between two readings:"
                " the bus stood still, and how often it turned is not known; begin again"
            )
        self._last = self._last + step
        return self._last


def _shortest(way: Counts, period: float) -> Counts:
    """Return the shortest way that is the same but for whole turns, at most half a turn either way."""
    return (way + period / 2) % period - period / 2
