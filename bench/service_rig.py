"""systemd's end of the line to a service, for tests and measurements: what a process tells it, when, and a journal that keeps lines.

The real systemd is asked in tests/machines; this one shows every single message, and needs no rights.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Told:
    """One message to systemd."""

    t_ns: int
    text: str

    @property
    def status(self) -> str:
        """Return what it says of how the service is."""
        return next((line.removeprefix("STATUS=") for line in self.text.split("\n") if line.startswith("STATUS=")), "")


class WatchedService:
    """A process that is told it runs under systemd, and everything it says; a context manager that leaves nothing behind."""

    def __init__(self, command: Sequence[str], folder: Path, *, watchdog_s: float | None = None) -> None:
        """Start it in `folder`, watched at `watchdog_s` where that is given."""
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        (folder / "notify.sock").unlink(missing_ok=True)  # of a service before this one
        self._notify.bind(str(folder / "notify.sock"))
        self._notify.settimeout(0.1)
        self._told: list[Told] = []
        self._stop = threading.Event()
        watched = {} if watchdog_s is None else {"WATCHDOG_USEC": str(round(watchdog_s * 1e6))}
        self._watchdog_s = watchdog_s
        self._log = (folder / "service.log").open("ab")
        self._log_path = folder / "service.log"
        self.t_started_ns = time.monotonic_ns()
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=self._log,
            stderr=self._log,
            env={**os.environ, **watched, "NOTIFY_SOCKET": str(folder / "notify.sock")},
        )
        self._thread = threading.Thread(target=self._listen, name="systemd's end")
        self._thread.start()

    def __enter__(self) -> WatchedService:
        """Return self."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Kill it where it still runs."""
        self.process.kill()
        self.process.wait()
        self._stop.set()
        self._thread.join()
        self._notify.close()
        self._log.close()
        (self._log_path.parent / "notify.sock").unlink(missing_ok=True)

    @property
    def told(self) -> tuple[Told, ...]:
        """Return what it told systemd so far."""
        return tuple(self._told)

    @property
    def said(self) -> str:
        """Return what it wrote to standard output and error so far."""
        return self._log_path.read_text(errors="replace")

    @property
    def statuses(self) -> list[str]:
        """Return what it said of how it is, in order."""
        return [told.status for told in self._told if told.status]

    @property
    def t_fed_ns(self) -> int:
        """Return when it fed its watchdog last; 0 where it never did."""
        return max((told.t_ns for told in self._told if "WATCHDOG=1" in told.text.split("\n")), default=0)

    @property
    def t_ready_ns(self) -> int | None:
        """Return when it said that it is ready, None before."""
        return next((told.t_ns for told in self._told if "READY=1" in told.text.split("\n")), None)

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Return once the condition holds; raises TimeoutError where it never does, or the process ended before."""
        t_end_ns = time.monotonic_ns() + round(PATIENCE_S * 1e9)
        while not condition():
            ended = self.process.poll() is not None
            if (ended and not condition()) or time.monotonic_ns() > t_end_ns:
                raise TimeoutError(f"never {what}: status {self.process.poll()}, told {self._told}, said {self.said}")
            time.sleep(0.02)

    def wait_ready(self) -> None:
        """Return once it is ready."""
        self.wait_for(lambda: self.t_ready_ns is not None, "ready")

    def watch(self) -> int:
        """Do what systemd does: kill it with SIGABRT once it does not feed its watchdog; return its exit status."""
        if self._watchdog_s is None:
            raise ValueError("nobody watches it")
        t_end_ns = time.monotonic_ns() + round(PATIENCE_S * 1e9)
        while self.process.poll() is None:
            t_now_ns = time.monotonic_ns()
            if t_now_ns > t_end_ns:
                raise TimeoutError(f"it goes on feeding its watchdog: {self.said}")
            if t_now_ns - self.t_fed_ns > self._watchdog_s * 1e9:
                self.process.send_signal(signal.SIGABRT)
                return self.process.wait(PATIENCE_S)
            time.sleep(0.02)
        return self.process.wait(PATIENCE_S)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end; return its exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                data = self._notify.recv(65536)
            except TimeoutError:
                continue
            self._told.append(Told(time.monotonic_ns(), data.decode()))


StartService = Callable[..., WatchedService]


def journal_entry(data: bytes) -> dict[str, str]:
    """Return the fields of one entry of systemd's native journal protocol."""
    fields: dict[str, str] = {}
    while data:
        head, _, rest = data.partition(b"\n")
        name, equals, value = head.partition(b"=")
        if not equals:
            (size,) = struct.unpack_from("<Q", rest)
            value, rest = rest[8 : 8 + size], rest[8 + size + 1 :]
        fields[name.decode()] = value.decode(errors="replace")
        data = rest
    return fields
