"""Which frames of a camera to take for a rate below the camera's: each at its arrival, evenly spaced, in step with the camera. Pure."""

from __future__ import annotations

_LOCK_RATIO = 0.125  # of each turn's distance from the schedule by which the schedule follows the camera


class FramePacer:
    """Takes a frame when its arrival is nearer to the instant a turn is due than that of any other frame.

    The schedule follows the camera slowly: their clocks drift apart, and a frame that came just too early for its turn would cost
    a whole period of the camera. Rates that do not divide each other still come out right on average.
    """

    def __init__(self, rate_hz: float, frame_rate_hz: float) -> None:
        self._period_ns = round(1e9 / rate_hz)
        self._half_frame_ns = round(0.5e9 / frame_rate_hz)
        self.t_due_ns = 0  # the arrival of the next frame to take, as far as one can know

    def take(self, t_arrival_ns: int) -> bool:
        """Return whether to take the frame that arrived at `t_arrival_ns`; the next turn is then due a period later."""
        early_ns = self.t_due_ns - t_arrival_ns
        if early_ns > self._half_frame_ns:
            return False
        if early_ns < -self._period_ns:  # a turn or more was missed: start anew instead of catching up
            early_ns = 0
        self.t_due_ns = t_arrival_ns + self._period_ns + round((1 - _LOCK_RATIO) * early_ns)
        return True
