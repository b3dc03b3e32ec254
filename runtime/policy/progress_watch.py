"""The main thread of the policy process: whether every loop goes on, whether all is there that it waits for, and how it is in a line.

systemd's watchdog is fed here, and only while every camera, foresight and action thread ends turns: completed work feeds it, no timer.
A loop that hangs is said before systemd kills the process for it; where every thread stood is then printed by faulthandler.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from interfaces.request_socket import JsonObject
from runtime.policy.board import PolicyBoard
from runtime.policy.status_words import StatusLine, policy_words
from runtime.service.notifier import Notifier
from runtime.service.pulse import Pulse, Turns

LOOK_S = 0.2
READY_PATIENCE_NS = 15_000_000_000  # for the first frames; a boot must not wait for a camera that nobody plugged in


class Loop(Protocol):
    """What each thread runs."""

    @property
    def turns(self) -> Turns:
        """Return the turns it ended."""
        ...

    @property
    def patience_ns(self) -> int:
        """Return how long a turn may take."""
        ...

    def run(self) -> None:
        """Run until the board says stop."""
        ...


class ProgressWatch:
    """Looks at the board and at the loops a few times a second, and tells systemd."""

    def __init__(
        self, loops: Mapping[str, Loop], board: PolicyBoard, notifier: Notifier, status: Callable[[], JsonObject]
    ) -> None:
        self._pulse = Pulse()
        for name, loop in loops.items():
            self._pulse.watch(name, loop.turns, loop.patience_ns)
        self._board, self._notifier, self._status = board, notifier, status
        self._line = StatusLine()
        self._t_first_ns: int | None = None

    def look(self, t_now_ns: int) -> None:
        """Take note of what goes on, feed the watchdog if all does, and tell what changed."""
        self._look_at_loops(t_now_ns)
        if not self._board.hanging:
            self._notifier.progress(t_now_ns)
        if not self._board.ready:
            self._look_at_cameras(t_now_ns)
        elif self._line.due(t_now_ns):
            line = self._line.changed(self._status(), t_now_ns)
            if line is not None:
                self._notifier.status(line)

    def _look_at_loops(self, t_now_ns: int) -> None:
        hanging, before = self._pulse.look(t_now_ns), self._board.hanging
        self._board.hanging = tuple(hanging)
        for name, silent_ns in hanging.items():
            if name not in before:
                says = f"{name} has not ended a turn for {silent_ns * 1e-9:.0f} s"
                self._notifier.status(says)
                self._board.fault(f"{name} hangs", f"{says}{self._threat()}")
        for name in before:
            if name not in hanging:
                self._board.over(f"{name} hangs")

    def _threat(self) -> str:
        return (
            "" if self._notifier.feed_ns is None else "; unless it does, systemd ends this process and starts it again"
        )

    def _look_at_cameras(self, t_now_ns: int) -> None:
        """Be ready once every camera gave a frame, or was waited for."""
        if self._t_first_ns is None:
            self._t_first_ns = t_now_ns
        missing = [name for name, view in self._board.cameras.items() if view.frame is None]
        if missing and t_now_ns - self._t_first_ns < READY_PATIENCE_NS:
            return
        self._board.ready = True
        for name in missing:
            source = f"camera {name}"
            if source not in self._board.faults:  # else it is said already, and better, what is wrong with it
                self._board.fault(source, f"no picture for {READY_PATIENCE_NS * 1e-9:.0f} s")
        self._notifier.ready(" | ".join(policy_words(self._status())))
