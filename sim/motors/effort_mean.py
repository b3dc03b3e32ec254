"""What a servo tells of its effort: the mean over a while, whatever the instant it is asked at.

The model's position gain is so stiff that each order of a motion is a blow of full torque for a moment, and a brake the next: who
asks once a command period, always at the same place in it, would be told of collisions, or of motors that drive backwards.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class EffortMean:
    """The mean of what is constant from one instant to the next, over a window that ends now."""

    def __init__(self, over_s: float, n_motors: int, t_ns: int) -> None:
        """Begin at `t_ns` with nothing; `over_s` best is a whole number of command periods."""
        self._over_ns = round(over_s * 1e9)
        self._sum = np.zeros(n_motors)  # effort times ns, since the beginning
        self._past: deque[tuple[int, Array]] = deque([(t_ns, self._sum)])

    def add(self, effort_ratio: Array, t_ns: int) -> Array:
        """Return the mean (motor,) up to `t_ns`, the effort having been `effort_ratio` since the last instant."""
        self._sum = self._sum + effort_ratio * (t_ns - self._past[-1][0])
        self._past.append((t_ns, self._sum))
        t_start_ns = t_ns - self._over_ns
        while len(self._past) > 2 and self._past[1][0] <= t_start_ns:
            self._past.popleft()
        (t_before_ns, before), (t_after_ns, after) = self._past[0], self._past[1]
        if t_after_ns == t_before_ns:
            return effort_ratio
        share = max(0.0, (t_start_ns - t_before_ns) / (t_after_ns - t_before_ns))
        return (self._sum - before - share * (after - before)) / max(1, min(self._over_ns, t_ns - t_before_ns))
