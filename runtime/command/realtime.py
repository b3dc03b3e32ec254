"""Time and the operating system: deadlines on an absolute schedule, and a place ahead of everything else on the processor.

Measured on two busy cores: an ordinary process wakes 3 to 15 ms late (p99), one under SCHED_FIFO 0.04 to 0.1 ms, and a second
Python thread in the same process costs 7 ms whatever the scheduler. So the command process has FIFO, and no second thread.
"""

from __future__ import annotations

import ctypes
import gc
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from interfaces.errors import RefusedError
from interfaces.robot_config import RuntimeConfig

_SPIN_NS = (
    80_000  # a real-time process wakes 30 us late, 70 us in one of a hundred cases: from here on it watches the clock
)
_TIMER_ABSTIME = 1
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
_LIBC = ctypes.CDLL(None, use_errno=True)


class _Timespec(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


def sleep_until(t_wake_ns: int) -> None:
    """Sleep until the monotonic clock shows `t_wake_ns`, or a signal arrives.

    time.sleep takes a duration, and before Python 3.11 a relative one to the very system call: preempted in between, it is late.
    """
    wake = _Timespec(t_wake_ns // 1_000_000_000, t_wake_ns % 1_000_000_000)
    _LIBC.clock_nanosleep(time.CLOCK_MONOTONIC, _TIMER_ABSTIME, ctypes.byref(wake), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One period: its beat, when it began, and how many before it were missed."""

    t_deadline_ns: int  # the beat
    t_woke_ns: int  # to be ready for it
    missed: int


class RateKeeper:
    """Keeps a rate on a grid of absolute deadlines: lateness does not add up, missed periods are counted and never replayed.

    Work that takes now longer, now shorter goes before the beat, for which `lead_ns` is left; what must be on time waits for it.
    """

    def __init__(
        self,
        period_ns: int,
        clock: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[int], None] = sleep_until,
        *,
        lead_ns: int = 0,
    ) -> None:
        self._period_ns = period_ns
        self._lead_ns = lead_ns
        self._clock = clock
        self._sleep = sleep
        self._t_deadline_ns = clock()

    def restart(self) -> None:
        """Begin a new grid now: what took so long was no period."""
        self._t_deadline_ns = self._clock()

    def wait(self) -> Tick:
        """Sleep until the lead before the next beat; where it has passed, go on at once, skipping periods that passed entirely."""
        self._t_deadline_ns += self._period_ns
        missed = max(0, (self._clock() - self._t_deadline_ns) // self._period_ns)
        self._t_deadline_ns += missed * self._period_ns
        t_woke_ns = self._sleep_until(self._t_deadline_ns - self._lead_ns)
        return Tick(t_deadline_ns=self._t_deadline_ns, t_woke_ns=t_woke_ns, missed=missed)

    def await_beat(self) -> int:
        """Wait for the beat of the period last waited for, watching the clock at the end; return the instant, late or not."""
        t_now_ns = self._sleep_until(self._t_deadline_ns - _SPIN_NS)
        while t_now_ns < self._t_deadline_ns:
            t_now_ns = self._clock()
        return t_now_ns

    def _sleep_until(self, t_wake_ns: int) -> int:
        t_now_ns = self._clock()
        while t_now_ns < t_wake_ns:  # a signal may end the sleep early
            self._sleep(t_wake_ns)
            t_now_ns = self._clock()
        return t_now_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class RealtimeReport:
    """What the operating system gave, as read back from it, and what it refused, with the remedy."""

    policy: str  # "FIFO 60" or "OTHER"
    locked_kb: int
    cpus: tuple[int, ...]
    missing: tuple[str, ...]

    def line(self) -> str:
        """Return one line for people."""
        where = "core " + ",".join(map(str, self.cpus))
        return f"{self.policy}, {where}, {'memory locked' if self.locked_kb else 'memory not locked'}"


def enter_realtime(config: RuntimeConfig) -> RealtimeReport:
    """Ask for SCHED_FIFO, locked memory and the core of the robot file for this thread, and read back what was given.

    Raises RefusedError, naming what is missing and the remedy, where the robot file requires real time and it is not given.
    """
    gc.collect()
    gc.freeze()
    gc.disable()  # the loop makes no cycles; collection is asked for where it cannot hurt
    missing: list[str] = []
    if config.realtime != "off":
        missing = [
            lack
            for lack in (_pin(config.command_cpu), _lock_memory(), _take_priority(config.realtime_priority))
            if lack
        ]
    report = RealtimeReport(
        policy=_read_policy(),
        locked_kb=_read_locked_kb(),
        cpus=tuple(sorted(os.sched_getaffinity(0))),
        missing=tuple(missing),
    )
    if missing and config.realtime == "required":
        raise RefusedError(f'runtime.realtime = "required", but {"; ".join(missing)}')
    return report


def _take_priority(priority: int) -> str | None:
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except PermissionError:
        return (
            f"SCHED_FIFO {priority} is not permitted (give CAP_SYS_NICE or LimitRTPRIO={priority};"
            " on kernels with RT_GROUP_SCHED also cpu.rt_runtime_us of the group)"
        )
    given = _read_policy()
    return None if given == f"FIFO {priority}" else f"asked for SCHED_FIFO {priority}, was given {given}"


def _lock_memory() -> str | None:
    # On fault: pages are locked once touched, instead of touching the libraries' large empty buffers, too.
    if _LIBC.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) != 0:
        return (
            f"memory cannot be locked: {os.strerror(ctypes.get_errno())} (give CAP_IPC_LOCK or LimitMEMLOCK=infinity)"
        )
    return None if _read_locked_kb() > 0 else "memory was asked to be locked, and is not"


def _pin(cpu: int | None) -> str | None:
    if cpu is None:
        return None
    try:
        os.sched_setaffinity(0, {cpu})
    except OSError as error:
        return f"core {cpu} cannot be used: {error.strerror} (set runtime.command_cpu to one of 0..{(os.cpu_count() or 1) - 1})"
    given = os.sched_getaffinity(0)
    return None if given == {cpu} else f"asked for core {cpu}, was given {sorted(given)}"


def _read_policy() -> str:
    if os.sched_getscheduler(0) == os.SCHED_FIFO:
        return f"FIFO {os.sched_getparam(0).sched_priority}"
    return "OTHER"


def _read_locked_kb() -> int:
    for line in Path("/proc/self/status").read_bytes().splitlines():
        if line.startswith(b"VmLck:"):
            return int(line.split()[1])
    return 0
