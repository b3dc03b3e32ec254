"""What a service tells systemd (sd_notify): that it is ready, how it is, and, period after period, that its work goes on.

One datagram to the socket that systemd names in NOTIFY_SOCKET; it takes 4 us and is never waited for. Source: sd_notify(3).
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping

_FEEDS = 4  # in one watchdog time: three may be late


class Notifier:
    """The line to systemd; where there is none (a terminal, a test), every call does nothing."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """Take the socket and the watchdog's time from the environment, as systemd gives them to the main process of a unit."""
        path = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) if path else None
        if self._socket is not None:
            self._socket.settimeout(0.0)
        self._watchdog_ns = _watchdog_ns(environment)
        self._t_fed_ns: int | None = None

    @property
    def feed_ns(self) -> int | None:
        """Return how often the watchdog wants to hear of progress; None where nobody watches."""
        return None if self._watchdog_ns is None else self._watchdog_ns // _FEEDS

    def ready(self, status: str) -> None:
        """Tell that the start is over and all self-checks passed."""
        self._send(f"READY=1\nSTATUS={_line(status)}")

    def status(self, status: str) -> None:
        """Tell in one line how it is, for `systemctl status`."""
        self._send(f"STATUS={_line(status)}")

    def stopping(self, status: str) -> None:
        """Tell that it ends because it was asked to."""
        self._send(f"STOPPING=1\nSTATUS={_line(status)}")

    def progress(self, t_now_ns: int) -> None:
        """Feed the watchdog, if it is time to. To be called when work was done, never by a timer."""
        feed_ns = self.feed_ns
        if feed_ns is None or (self._t_fed_ns is not None and t_now_ns - self._t_fed_ns < feed_ns):
            return
        self._t_fed_ns = t_now_ns
        self._send("WATCHDOG=1")

    def patience(self, limit_s: float) -> None:
        """Change the watchdog's time: what comes next is known to take longer, or as long as usual again."""
        if self._watchdog_ns is not None:
            self._watchdog_ns = round(limit_s * 1e9)
            self._t_fed_ns = None
            self._send(f"WATCHDOG_USEC={round(limit_s * 1e6)}\nWATCHDOG=1")

    def _send(self, message: str) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):  # systemd is busy, or restarts: the next one gets there
                self._socket.sendto(message.encode(), self._address)


def _watchdog_ns(environment: Mapping[str, str]) -> int | None:
    """Return the watchdog's time, if it is this process that is watched."""
    limit_us, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not limit_us.isdecimal() or int(limit_us) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(limit_us) * 1000


def _line(text: str) -> str:
    return " ".join(text.split())
