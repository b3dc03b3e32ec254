"""What to do about a RealSense that fell silent, rung by rung: a pure state machine, told the time and what came of each step.

    silent for stale_ms -> restart the pipeline -> again -> hardware reset -> wait until it is enumerated again -> start -> lost

A camera that is gone from the bus cannot be reset: it is waited for at once. A frame ends the climb. Every rung has its time, so
that all of it is bounded (`Patience.longest_ns`), but for what librealsense itself takes to start, stop and reset.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

_S = 1_000_000_000


class Step(Enum):
    """What the driver shall do now."""

    WAIT = "wait"
    RESTART = "restart"  # stop the pipeline, start another; then `started` or `failed`
    RESET = "reset"  # have the device reset itself; then `left`
    LOOK = "look"  # is the device enumerated? then `seen`
    GIVE_UP = "give up"


class _Rung(Enum):
    STREAMING = "streaming"
    RESTARTED = "restarted"
    AWAY = "away"  # reset, or unplugged
    BACK = "back"  # enumerated again, and started


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait on each rung."""

    first_frame_ns: int = 10 * _S  # after open: a cold D435 takes one to three seconds
    restart_ns: int = 2 * _S  # for the first frame after a restart
    restarts_max: int = 2  # more has not been seen to help
    settle_ns: int = (
        2 * _S
    )  # a device that was reset takes so long to leave the bus: until then it is the old one that is seen
    away_ns: int = 10 * _S  # for it to be enumerated again, which takes 5 to 10 s
    look_ns: int = _S // 2  # between two looks
    back_ns: int = 5 * _S  # for its first frame then

    def longest_ns(self, stale_ns: int) -> int:
        """Return how long after the last frame a silent camera is given up at the latest, librealsense's own time aside."""
        return stale_ns + self.restarts_max * self.restart_ns + self.away_ns + self.look_ns + self.back_ns


class RecoveryLadder:
    """Where one camera stands on the ladder; `restarts` and `resets` count since it was opened."""

    def __init__(self, *, stale_ns: int, patience: Patience, resettable: bool, t_now_ns: int) -> None:
        """Begin at the foot: frames are expected from `t_now_ns` on; a device that is not `resettable` skips that rung."""
        self._stale_ns, self._patience, self._resettable = stale_ns, patience, resettable
        self._rung, self._t_rung_ns, self._t_heard_ns = _Rung.STREAMING, t_now_ns, t_now_ns
        self._climbed = 0  # restarts since the last frame
        self._failed = False  # what was started last did not start
        self._t_tried_ns = t_now_ns
        self._vanished = False
        self._t_look_ns = 0
        self._tried: list[str] = []
        self.restarts = self.resets = 0

    @property
    def climbing(self) -> bool:
        """Return whether anything was tried since the last frame."""
        return self._rung is not _Rung.STREAMING

    @property
    def away(self) -> bool:
        """Return whether there is no device to read from now."""
        return self._rung is _Rung.AWAY

    def silent_s(self, t_now_ns: int) -> float:
        """Return how long no frame came."""
        return (t_now_ns - self._t_heard_ns) * 1e-9

    def story(self, t_now_ns: int) -> str:
        """Return what was tried, and when after the last frame, for people."""
        tried = "; ".join(self._tried) or "nothing to try"
        return f"no frame for {self.silent_s(t_now_ns):.1f} s: {tried}"

    def heard(self, t_now_ns: int) -> None:
        """Take note of a frame: whatever was wrong is over."""
        self._rung, self._t_rung_ns, self._t_heard_ns = _Rung.STREAMING, t_now_ns, t_now_ns
        self._climbed = 0
        self._failed = False
        self._tried.clear()

    def due(self, t_now_ns: int) -> Step:
        """Return what to do at `t_now_ns`."""
        if self._rung is _Rung.AWAY:
            return self._due_away(t_now_ns)
        if self._rung is _Rung.STREAMING:
            return Step.RESTART if t_now_ns - self._t_rung_ns >= self._stale_ns else Step.WAIT
        if self._rung is _Rung.BACK and t_now_ns - self._t_rung_ns >= self._patience.back_ns:
            return Step.GIVE_UP
        # One that failed at once may succeed a little later: who held the device lets go, or udev opens it to us.
        wait_ns = self._patience.look_ns if self._failed else self._patience.restart_ns
        if t_now_ns - self._t_tried_ns < wait_ns:
            return Step.WAIT
        if self._rung is _Rung.BACK:
            return Step.RESTART if self._failed else Step.WAIT
        if self._climbed < self._patience.restarts_max:
            return Step.RESTART
        return Step.RESET if self._resettable else Step.GIVE_UP

    def started(self, t_now_ns: int) -> None:
        """Take note that a pipeline was started."""
        self._failed = False
        self._note("restarted", t_now_ns)
        self._count_restart(t_now_ns)

    def failed(self, why: str, t_now_ns: int, *, gone: bool) -> None:
        """Take note that a pipeline does not start; `gone` where there is no such device any more."""
        self._note(f"does not start again ({why})", t_now_ns)
        self._count_restart(t_now_ns)
        self._failed = True
        if gone and self._rung is _Rung.RESTARTED:
            self._leave(t_now_ns, vanished=True)

    def left(self, t_now_ns: int, why: str = "") -> None:
        """Take note that the device was told to reset itself; `why` where it would not."""
        self.resets += 1
        self._note(f"hardware reset refused ({why})" if why else "hardware reset", t_now_ns)
        self._leave(t_now_ns, vanished=False)

    def seen(self, t_now_ns: int, *, present: bool) -> Step:
        """Take note of a look for the device; return RESTART where it is there again, WAIT otherwise."""
        self._t_look_ns = t_now_ns + self._patience.look_ns
        self._vanished |= not present
        if not present or not (self._vanished or t_now_ns - self._t_rung_ns >= self._patience.settle_ns):
            return Step.WAIT
        self._note("found again", t_now_ns)
        self._rung, self._t_rung_ns = _Rung.BACK, t_now_ns
        return Step.RESTART

    def _due_away(self, t_now_ns: int) -> Step:
        if t_now_ns - self._t_rung_ns >= self._patience.away_ns:
            self._note("not found again", t_now_ns)
            return Step.GIVE_UP
        return Step.LOOK if t_now_ns >= self._t_look_ns else Step.WAIT

    def _leave(self, t_now_ns: int, *, vanished: bool) -> None:
        self._rung, self._t_rung_ns, self._vanished = _Rung.AWAY, t_now_ns, vanished
        self._t_look_ns = t_now_ns + self._patience.look_ns
        self._failed = False

    def _count_restart(self, t_now_ns: int) -> None:
        self._climbed += 1
        self.restarts += 1
        self._t_tried_ns = t_now_ns
        if self._rung is _Rung.STREAMING:
            self._rung = _Rung.RESTARTED

    def _note(self, what: str, t_now_ns: int) -> None:
        self._tried.append(f"{what} after {self.silent_s(t_now_ns):.1f} s")
