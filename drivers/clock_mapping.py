"""From a camera's own time stamps to `time.monotonic_ns()`: pure arithmetic on the numbers it is given.

librealsense stamps a frame on one of three clocks (its "time stamp domain"):

- *global*: the camera's counter, already mapped by librealsense onto the host's epoch clock;
- *system*: the host's epoch clock when the frame came in, because the kernel hands over no metadata;
- *hardware*: the camera's own microsecond counter, 32 bit, starting anywhere and wrapping every 71.6 minutes.

All three have been seen to step, run backwards or come from the future (librealsense #7922, #10775, #15360). A stamp that cannot
be right is counted and replaced by "arrival minus the usual latency", so that a frame always has an instant one can act on.

A clock that stepped for good goes on ticking: after SETTLED_FRAMES consistent stamps it is mapped by the frames' arrivals, as the
hardware clock always is ("remapped"), until its stamps are right as they are again. So no step costs more than 3 * SETTLED_FRAMES.
A step back by less than the age limit is the exception: nobody can tell it from frames that are late, and they count as late.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

WRAP_NS = 2**32 * 1000  # period of the camera's counter
JUMP_NS = 1_000_000_000  # the counter and our clock cannot differ so much between two frames: it was reset
WINDOW_FRAMES = 256  # 8.5 s at 30 Hz, in which two crystals 50 ppm apart diverge by 0.4 ms
STAMP_MAX_MS = 1e14  # three thousand years
STEP_NS = 100_000_000  # so much later than the least delayed, SETTLED_FRAMES in a row: it is the clock that is late
SETTLED_FRAMES = 10
LATE_MAX_NS = JUMP_NS  # a frame may be so late, by a clock that is settled; later, it is the clock
FUTURE_TOLERANCE_NS = 2_000_000  # librealsense's mapping is a regression, good to about a millisecond


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What a camera says about when it took a frame."""

    clock: Literal["global", "system", "hardware"]
    stamp_ms: float  # on that clock
    readout_ms: float  # from mid exposure to the stamp; 0 where unknown


class HardwareClock:
    """A free-running 32-bit counter mapped onto our clock by the least delayed of the last frames.

    Each frame bounds the offset of the two clocks from above: arrival = counter + offset + delay, and delay is never less
    than the camera's latency. The smallest such sum in a window is the frame that waited least. A counter that stepped back makes
    all later frames look late, and one that leapt ahead for a moment makes the others seem to run back: both are seen by their
    number, and forgotten.
    """

    def __init__(self) -> None:
        """Know nothing yet; the first frame anchors the counter."""
        self._n_backward = 0
        self._counter_ns = 0
        self._t_arrival_ns = 0
        self._device_ns = 0  # the counter, unwrapped
        self._offsets_ns: deque[int] = deque(maxlen=WINDOW_FRAMES)

    @property
    def settled(self) -> bool:
        """Return whether enough consistent stamps came since the last step to know the clock."""
        return len(self._offsets_ns) >= SETTLED_FRAMES

    def arrival_ns(self, counter_ns: int, t_arrival_ns: int) -> int | None:
        """Return when an undelayed frame with this counter would have arrived; None for a counter that stood still or ran back.

        A counter that jumped is None as well, and anchors the mapping anew.
        """
        if not self._offsets_ns:
            self._anchor(counter_ns, t_arrival_ns)
            return t_arrival_ns
        elapsed_ns = t_arrival_ns - self._t_arrival_ns
        # Our own clock says about how far the counter went, however often it wrapped; only the small rest is read from it.
        rest_ns = (counter_ns - self._counter_ns - elapsed_ns + WRAP_NS // 2) % WRAP_NS - WRAP_NS // 2
        if abs(rest_ns) > JUMP_NS:
            self._anchor(counter_ns, t_arrival_ns)
            return None
        if elapsed_ns + rest_ns <= 0:
            self._n_backward += 1
            if self._n_backward == SETTLED_FRAMES:
                self._anchor(counter_ns, t_arrival_ns)
            return None
        self._n_backward = 0
        self._counter_ns, self._t_arrival_ns = counter_ns, t_arrival_ns
        self._device_ns += elapsed_ns + rest_ns
        self._offsets_ns.append(t_arrival_ns - self._device_ns)
        return self._device_ns + self._least_offset_ns()

    def _least_offset_ns(self) -> int:
        least_ns = min(self._offsets_ns)
        recent_ns = list(self._offsets_ns)[-SETTLED_FRAMES:]
        if len(recent_ns) < SETTLED_FRAMES or min(recent_ns) - least_ns < STEP_NS:
            return least_ns
        self._offsets_ns = deque(recent_ns, maxlen=WINDOW_FRAMES)
        return min(recent_ns)

    def _anchor(self, counter_ns: int, t_arrival_ns: int) -> None:
        self._n_backward = 0
        self._counter_ns, self._t_arrival_ns, self._device_ns = counter_ns, t_arrival_ns, 0
        self._offsets_ns.clear()
        self._offsets_ns.append(t_arrival_ns)


class ClockMapping:
    """Gives each frame of one camera its instant of mid exposure on the monotonic clock: strictly rising, never in the future."""

    def __init__(self, *, latency_ns: int, age_max_ns: int) -> None:
        """Take the camera's usual latency from mid exposure to arrival, and the age above which a stamp is disbelieved."""
        self._latency_ns = latency_ns
        self._age_max_ns = age_max_ns
        self._counters = {clock: HardwareClock() for clock in ("global", "system", "hardware")}
        self._t_believed_ns = (
            0  # the last capture told by a stamp of the host's epoch clock, on ours: the former may be set
        )
        self._t_capture_ns: int | None = None
        self.clock = "arrival"  # behind the last frame: "global", "remapped", "hardware" or "arrival"
        self.rejected = 0

    def capture_ns(self, stamp: Stamp, t_arrival_ns: int, epoch_from_monotonic_ns: int) -> int:
        """Return t_capture_ns of the frame that arrived at `t_arrival_ns`; arrivals rise from call to call.

        `epoch_from_monotonic_ns` is what the host's epoch clock now shows more than its monotonic clock.
        """
        self.clock, believed_ns = self._believed(stamp, t_arrival_ns, epoch_from_monotonic_ns)
        if believed_ns is None:
            self.rejected += 1
        t_capture_ns = t_arrival_ns - self._latency_ns if believed_ns is None else believed_ns
        t_capture_ns = min(t_capture_ns, t_arrival_ns)
        if self._t_capture_ns is not None:  # changing from one clock to another must not turn time back
            t_capture_ns = max(t_capture_ns, self._t_capture_ns + 1)
        self._t_capture_ns = t_capture_ns
        return t_capture_ns

    def _believed(
        self, stamp: Stamp, t_arrival_ns: int, epoch_from_monotonic_ns: int
    ) -> tuple[Literal["global", "remapped", "hardware", "arrival"], int | None]:
        """Return the clock to believe, and what it says, or None."""
        t_device_ms = stamp.stamp_ms - stamp.readout_ms
        if not abs(t_device_ms) < STAMP_MAX_MS:  # not a number, either
            return "arrival", None
        t_device_ns = round(t_device_ms * 1e6)
        counter = self._counters[stamp.clock]
        by_arrival_ns = counter.arrival_ns(t_device_ns, t_arrival_ns)
        if by_arrival_ns is not None:
            by_arrival_ns -= self._latency_ns
            if not _credible(by_arrival_ns, t_arrival_ns, max(LATE_MAX_NS, self._age_max_ns)):
                by_arrival_ns = None
        if stamp.clock == "hardware":
            return "arrival" if by_arrival_ns is None else "hardware", by_arrival_ns
        # A system stamp tells when the frame came in, and is no better than our own arrival: reports say so.
        stamped: Literal["global", "arrival"] = "global" if stamp.clock == "global" else "arrival"
        as_stamped_ns = t_device_ns - epoch_from_monotonic_ns - (self._latency_ns if stamp.clock == "system" else 0)
        if as_stamped_ns > self._t_believed_ns and _credible(as_stamped_ns, t_arrival_ns, self._age_max_ns):
            self._t_believed_ns = as_stamped_ns
            return stamped, as_stamped_ns
        if by_arrival_ns is None or not counter.settled:
            return "arrival", None
        return "remapped", by_arrival_ns


def _credible(t_capture_ns: int, t_arrival_ns: int, age_max_ns: int) -> bool:
    """Return whether a frame may have been taken then: neither in the future nor too long ago."""
    return -FUTURE_TOLERANCE_NS <= t_arrival_ns - t_capture_ns <= age_max_ns
