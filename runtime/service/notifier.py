"""What a service tells systemd (sd_notify): that it is ready, how it is, and, period after period, that its work goes on.

One datagram to the socket that systemd names in NOTIFY_SOCKET; it takes 4 us and is never waited for. Source: sd_notify(3).
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Generator, Mapping

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
        self._usual_ns = _watchdog_ns(environment)
        self._watchdog_ns = self._usual_ns
        self._t_fed_ns: int | None = None
        self._untold = ""  # a change of the watchdog's time that systemd was too busy to take

    @property
    def feed_ns(self) -> int | None:
        """Return how often the watchdog wants to hear of progress; None where nobody watches."""
        return None if self._watchdog_ns is None else self._watchdog_ns // _FEEDS

    def ready(self, status: str) -> bool:
        """Tell that the start is over and all self-checks passed; return False where systemd was too busy to take it: tell it again."""
        return self._send(f"READY=1\nSTATUS={_line(status)}")

    def status(self, status: str) -> bool:
        """Tell in one line how it is, for `systemctl status`; return as `ready`."""
        return self._send(f"STATUS={_line(status)}")

    def stopping(self, status: str) -> bool:
        """Tell that it ends because it was asked to; return as `ready`."""
        return self._send(f"STOPPING=1\nSTATUS={_line(status)}")

    def progress(self, t_now_ns: int) -> None:
        """Feed the watchdog, if it is time to. To be called when work was done, never by a timer."""
        feed_ns = self.feed_ns
        if feed_ns is None or (self._t_fed_ns is not None and t_now_ns - self._t_fed_ns < feed_ns):
            return
        if self._send(f"{self._untold}WATCHDOG=1"):
            self._t_fed_ns, self._untold = t_now_ns, ""
        else:
            self._t_fed_ns = None

    def patience(self, limit_s: float) -> None:
        """Change the watchdog's time: what comes next is known to take longer. It lasts until `usual`."""
        self._watch(round(limit_s * 1e9))

    def usual(self) -> None:
        """Give the watchdog the time of its unit again."""
        if self._usual_ns is not None:
            self._watch(self._usual_ns)

    @contextlib.contextmanager
    def patient(self, limit_s: float) -> Generator[None, None, None]:
        """Be patient for as long as this lasts; never less than usual."""
        self._watch(max(round(limit_s * 1e9), self._usual_ns or 0))
        try:
            yield
        finally:
            self.usual()

    def _watch(self, watchdog_ns: int) -> None:
        if self._watchdog_ns is not None:
            self._watchdog_ns = watchdog_ns
            self._t_fed_ns = None
            self._untold = f"WATCHDOG_USEC={watchdog_ns // 1000}\n"
            if self._send(f"{self._untold}WATCHDOG=1"):
                self._untold = ""

    def _send(self, message: str) -> bool:
        """Return whether it was sent, or nobody wants it."""
        if self._socket is None:
            return True
        with contextlib.suppress(OSError):  # systemd is busy, or restarts
            self._socket.sendto(message.encode(errors="replace"), self._address)
            return True
        return False


def _watchdog_ns(environment: Mapping[str, str]) -> int | None:
    """Return the watchdog's time, if it is this process that is watched."""
    limit_us, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not limit_us.isdecimal() or int(limit_us) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(limit_us) * 1000


def _line(text: str) -> str:
    return " ".join(text.split())
