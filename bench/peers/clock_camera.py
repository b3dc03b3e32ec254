"""The camera of every contestant: frame n is taken n periods after the first, whatever the computer is doing, and shows its number.

Needs numpy only: it is run by the peers' own Python, too.
"""

from __future__ import annotations

import sys
import threading
import time

import numpy as np
from numpy.typing import NDArray

from bench.peers.frame_code import picture_of

CAMERA_LINE = "camera of the benchmark: first frame at"


class ClockCamera:
    """Frames of a rate, from `start` on, made by a thread as camera drivers have one; the newest wins."""

    def __init__(self, rate_hz: float) -> None:
        self._period_ns = round(1e9 / rate_hz)
        self._changed = threading.Condition()
        self._newest: tuple[int, NDArray[np.uint8]] | None = None
        self._t_first_ns = 0
        self._stop = threading.Event()

    def start(self) -> None:
        """Take the first frame, and say when on standard output."""
        if self._newest is not None:
            return
        self._t_first_ns = time.monotonic_ns()
        self._newest = 0, picture_of(0)
        threading.Thread(target=self._run, name="camera", daemon=True).start()
        sys.stdout.write(f"{CAMERA_LINE} {self._t_first_ns}\n")
        sys.stdout.flush()

    def stop(self) -> None:
        """Take no more."""
        self._stop.set()

    def taken_ns(self, number: int) -> int:
        """Return when a frame was taken."""
        return self._t_first_ns + number * self._period_ns

    def newest(self) -> tuple[int, NDArray[np.uint8]]:
        """Return number and picture of the newest frame."""
        assert self._newest is not None, "start() comes first"
        return self._newest

    def wait(self, newer_than: int, timeout_s: float) -> tuple[int, NDArray[np.uint8]] | None:
        """Return number and picture of the newest frame once it is beyond `newer_than`, or None when none came in time."""
        with self._changed:
            self._changed.wait_for(lambda: self.newest()[0] > newer_than, timeout_s)
            return self.newest() if self.newest()[0] > newer_than else None

    def _run(self) -> None:
        number = 0
        while not self._stop.is_set():
            time.sleep(max(0, self.taken_ns(number + 1) - time.monotonic_ns()) * 1e-9)
            # A thread that woke late finds the newest frame; those before are lost, as in a camera's own queue of one.
            number = (time.monotonic_ns() - self._t_first_ns) // self._period_ns
            with self._changed:
                self._newest = number, picture_of(number)
                self._changed.notify_all()
