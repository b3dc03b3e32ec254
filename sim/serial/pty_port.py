"""A serial port made of software: a pseudo terminal under a name of its own, with an emulated bus behind it.

A pty is not paced; answers are held back until their last bit would have left the wire. All answers to one request are
handed over together, as a USB adapter bundles them. A host at the wrong rate is not understood.
"""

from __future__ import annotations

import array
import ctypes
import fcntl
import os
import select
import termios
import threading
import time
import tty
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from sim.serial.bus import Reply, SerialBus

TCGETS2 = 0x802C542A  # struct termios2: 11 words, the last two are the rates of input and output in baud
PR_SET_TIMERSLACK = 29
TIMER_SLACK_NS = 1_000  # the kernel may otherwise wake this thread 50 us late
IDLE_S = 0.25
RAMP_S = 0.002
REALTIME_PRIORITY = 70  # above the command process: real motors do not wait for a processor


class PtyPort:
    """Serves a bus on a pty at `path`, in a thread of its own, from `open` to `close`."""

    def __init__(self, bus: SerialBus, path: Path) -> None:
        self._bus = bus
        self._path = path
        self._thread: threading.Thread | None = None
        self._master = self._slave = self._wake_read = self._wake_write = -1

    def open(self) -> None:
        """Plug in: make the pty, let `path` point to it, and serve."""
        if self._thread is not None:
            return
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self._wake_read, self._wake_write = os.pipe()
        fresh = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(self._slave))
        fresh.replace(self._path)
        self._thread = threading.Thread(target=self._serve, name="serial bus", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Unplug: the host's next call finds its port gone. The motors stay powered."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        os.write(self._wake_write, b"x")
        thread.join()
        with suppress(FileNotFoundError):
            if str(self._path.readlink()) == os.ttyname(self._slave):
                self._path.unlink()
        for fd in (self._slave, self._master, self._wake_read, self._wake_write):
            os.close(fd)

    def _serve(self) -> None:
        _be_prompt()
        waiting: list[tuple[int, bytes]] = []  # (due, bytes), in order
        while True:
            ready, _, _ = select.select([self._master, self._wake_read], [], [], self._wait_s(waiting))
            if self._wake_read in ready:
                return
            if self._master in ready:
                self._take_request(waiting)
            elif not waiting:
                self._rest(waiting)
            while waiting and waiting[0][0] <= time.monotonic_ns():
                with suppress(BlockingIOError):  # the host does not read: bytes are lost, as in its own buffer
                    os.write(self._master, waiting.pop(0)[1])

    def _take_request(self, waiting: list[tuple[int, bytes]]) -> None:
        data = os.read(self._master, 4096)
        t_now_ns = time.monotonic_ns()
        self._bus.baud_hz = self._host_baud_hz()
        _put(waiting, self._bus.handle(data, t_now_ns))

    def _wait_s(self, waiting: list[tuple[int, bytes]]) -> float:
        if waiting:
            return max(0, waiting[0][0] - time.monotonic_ns()) * 1e-9
        return RAMP_S if self._bus.is_ramping else IDLE_S

    def _rest(self, waiting: list[tuple[int, bytes]]) -> None:
        """Nobody asks: let time pass on the motors, and give the port free when its user has died.

        A host that claims the port (TIOCEXCL) and is killed would leave it claimed: a real port forgets that when it is
        closed for the last time, but this end keeps ours open. Hosts also lock it, and a lock dies with its process.
        """
        _put(waiting, self._bus.advance(time.monotonic_ns()))
        with suppress(BlockingIOError):
            fcntl.flock(self._slave, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.ioctl(self._slave, termios.TIOCNXCL)
            fcntl.flock(self._slave, fcntl.LOCK_UN)

    def _host_baud_hz(self) -> int:
        settings = array.array("I", [0] * 11)
        fcntl.ioctl(self._master, TCGETS2, settings)
        return settings[10]


def _put(waiting: list[tuple[int, bytes]], replies: Sequence[Reply] | None) -> None:
    if replies:
        waiting.append((replies[-1].t_done_ns, b"".join(reply.data for reply in replies)))


def _be_prompt() -> None:
    """Let the calling thread be woken on time, as far as the system allows."""
    ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0)
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(REALTIME_PRIORITY))
