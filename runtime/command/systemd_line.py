"""What systemd hears of the command loop: ready, how it is, and that periods go on being completed; never waited for."""

from __future__ import annotations

from contextlib import AbstractContextManager

from interfaces.messages import CommandState
from runtime.service.notifier import Notifier

_BUS_WAIT_NS = 5_000_000_000  # a bus that is not there must not keep the machine from booting
_STATUS_EVERY_NS = 200_000_000  # the fastest that `systemctl status` is told anything new
OPENING_S = 30.0  # motors that are silent, or slow to answer, take up to half of it: tests/runtime/command/test_systemd_line_opening.py
_ENDING_S = 30.0  # to let go of everything, and write a log where one is asked for


class SystemdLine:
    """Tells what the loop did, after each period that it completed."""

    def __init__(self, notifier: Notifier, t_started_ns: int) -> None:
        """Speak through `notifier`; the loop begins at `t_started_ns`."""
        self._notifier = notifier
        self._t_started_ns = t_started_ns
        self._ready = self._stopping = False
        self._status = ""
        self._t_status_ns = 0

    def completed(self, state: CommandState, why: str, t_now_ns: int, *, armed: bool) -> None:
        """Tell that a period was completed: the motors were told and measured, or their bus is waited for on purpose."""
        self._notifier.progress(t_now_ns)
        status = f"{state.name}: {why}" if armed else f"{state.name}, waiting for the bus: {why}"
        if not self._ready:
            if armed or t_now_ns - self._t_started_ns >= _BUS_WAIT_NS:
                self._ready = self._notifier.ready(status)
                self._status, self._t_status_ns = status, t_now_ns
        elif status != self._status and t_now_ns - self._t_status_ns >= _STATUS_EVERY_NS:
            self._t_status_ns = t_now_ns
            if self._notifier.status(status):
                self._status = status

    def opening_the_bus(self) -> AbstractContextManager[None]:
        """Ask for patience: silent motors are waited for."""
        return self._notifier.patient(OPENING_S)

    def stopping(self, why: str) -> None:
        """Tell, until it is heard, that the loop ends because it was asked to, and brings the arm to rest first."""
        self._stopping = self._stopping or self._notifier.stopping(why)

    def ending(self) -> AbstractContextManager[None]:
        """Ask for patience: no period is completed any more."""
        return self._notifier.patient(_ENDING_S)
