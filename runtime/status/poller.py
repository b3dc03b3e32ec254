"""One thread that looks at a robot a few times a second, however many people look at what it saw."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

from runtime.status.changes import Watched
from runtime.status.gather import Gathering, RobotPlace

RATE_HZ = 4.0
_JOIN_S = 10.0

Looked = Callable[[Gathering, int], None]


class Poller:
    """Looks at the robot until it is closed; a context manager."""

    def __init__(self, place: RobotPlace, after: Looked | None = None) -> None:
        """`after` is called in the thread after each look, with the time. Raises ConfigError for an impossible robot file."""
        self._gathering = Gathering(place)
        self._after = after
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="status", daemon=True)
        self.robot = self._gathering.robot
        self.seen = Watched()

    def __enter__(self) -> Poller:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Stop looking."""
        self._stop.set()
        self._thread.join(_JOIN_S)

    @property
    def alive(self) -> bool:
        """Return whether it goes on looking; a fault of ours ends it, and whoever waits should end, too."""
        return self._thread.is_alive()

    def _run(self) -> None:
        with self._gathering:
            while not self._stop.is_set():
                t_begin_ns = time.monotonic_ns()
                self.seen.add(self._gathering.gather(t_begin_ns))
                if self._after is not None:
                    self._after(self._gathering, time.monotonic_ns())
                took_s = (time.monotonic_ns() - t_begin_ns) * 1e-9
                self._stop.wait(max(0.05, 1 / RATE_HZ - took_s))
