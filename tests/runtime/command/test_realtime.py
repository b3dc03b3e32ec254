"""Deadlines on a virtual clock; scheduler and memory as the operating system reads them back."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from runtime.command.realtime import RateKeeper, Tick, sleep_until

REPOSITORY = Path(__file__).parents[3]
PERIOD_NS = 10_000_000

IMPORT = """
import sys
sys.path.insert(0, sys.argv[1])
from dataclasses import replace
from pathlib import Path
from interfaces.errors import RefusedError
from interfaces.robot_config import load_robot
from runtime.command.realtime import enter_realtime
runtime = load_robot(Path(sys.argv[1]) / "robots" / "simulated.toml").runtime
"""
ENTER = """
try:
    print(enter_realtime(replace(runtime, realtime=sys.argv[2], command_cpu=eval(sys.argv[3]))))
except RefusedError as error:
    print("refused", error)
"""


class VirtualClock:
    """A clock that only sleeping and working move."""

    def __init__(self) -> None:
        self.t_ns = 1_000
        self.overshoot_ns = 0

    def now(self) -> int:
        return self.t_ns

    def ticking(self) -> int:
        self.t_ns += 100  # looking takes time, too: otherwise nobody could wait by looking
        return self.t_ns

    def sleep(self, t_wake_ns: int) -> None:
        self.t_ns = max(self.t_ns, t_wake_ns) + self.overshoot_ns


def test_deadlines_lie_on_a_grid_and_lateness_does_not_add_up() -> None:
    clock = VirtualClock()
    clock.overshoot_ns = 300_000
    keeper = RateKeeper(PERIOD_NS, clock.now, clock.sleep)
    ticks: list[Tick] = []
    for _ in range(100):
        ticks.append(keeper.wait())
        clock.t_ns += 2_000_000  # work
    assert [tick.t_deadline_ns for tick in ticks] == [1_000 + PERIOD_NS * (k + 1) for k in range(100)]
    assert {tick.t_woke_ns - tick.t_deadline_ns for tick in ticks} == {300_000}
    assert {tick.missed for tick in ticks} == {0}


def test_a_little_late_goes_on_at_once_and_misses_nothing() -> None:
    clock = VirtualClock()
    keeper = RateKeeper(PERIOD_NS, clock.now, clock.sleep)
    keeper.wait()
    clock.t_ns += PERIOD_NS + 4_000_000
    tick = keeper.wait()
    assert (tick.missed, tick.t_woke_ns - tick.t_deadline_ns) == (0, 4_000_000)
    assert keeper.wait().t_woke_ns == 1_000 + 3 * PERIOD_NS


def test_what_must_be_on_time_waits_for_the_beat_however_long_the_work_before_it_took() -> None:
    clock = VirtualClock()
    keeper = RateKeeper(PERIOD_NS, clock.ticking, clock.sleep, lead_ns=500_000)
    for k in range(1, 50):
        tick = keeper.wait()
        assert 0 <= tick.t_woke_ns - (tick.t_deadline_ns - 500_000) < 1_000
        clock.t_ns += (k * 37_000) % 450_000  # work
        assert 0 <= keeper.await_beat() - tick.t_deadline_ns < 1_000
        clock.t_ns += 2_000_000
    clock.t_ns += PERIOD_NS
    late = keeper.wait()
    assert keeper.await_beat() - late.t_deadline_ns > 2_000_000


def test_missed_periods_are_counted_and_not_replayed() -> None:
    clock = VirtualClock()
    keeper = RateKeeper(PERIOD_NS, clock.now, clock.sleep)
    keeper.wait()
    clock.t_ns += 5 * PERIOD_NS + 4_000_000
    late = keeper.wait()
    assert late.missed == 4
    assert late.t_woke_ns - late.t_deadline_ns == 4_000_000
    following = keeper.wait()
    assert (following.missed, following.t_deadline_ns - late.t_deadline_ns) == (0, PERIOD_NS)


def test_a_restart_forgets_what_took_so_long() -> None:
    clock = VirtualClock()
    keeper = RateKeeper(PERIOD_NS, clock.now, clock.sleep)
    clock.t_ns += 100 * PERIOD_NS
    keeper.restart()
    assert keeper.wait().missed == 0


def test_a_sleep_that_a_signal_ends_is_taken_up_again() -> None:
    clock = VirtualClock()
    sleeps: list[int] = []

    def interrupted(t_wake_ns: int) -> None:
        sleeps.append(t_wake_ns)
        clock.t_ns += 1_000_000

    tick = RateKeeper(PERIOD_NS, clock.now, interrupted).wait()
    assert len(sleeps) == 10
    assert tick.t_woke_ns == tick.t_deadline_ns


def test_sleeping_ends_after_the_instant_and_at_once_when_it_has_passed() -> None:
    t_wake_ns = time.monotonic_ns() + 3_000_000
    sleep_until(t_wake_ns)
    assert time.monotonic_ns() >= t_wake_ns
    sleep_until(0)  # would hang for ever, were it relative to now and negative


def entered(mode: str, cpu: str = "None", *, limit: str = "") -> str:
    """Return what a process of its own says of its real time; `limit` takes its permissions away first."""
    command = [sys.executable, "-I", "-c", IMPORT + limit + ENTER, str(REPOSITORY), mode, cpu]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


FORBIDDEN = """
import os, resource
resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))
if os.geteuid() == 0:
    import ctypes
    for capability in (14, 23):  # CAP_IPC_LOCK, CAP_SYS_NICE: from the bounding set, then lost with the user
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
"""


def test_off_asks_for_nothing() -> None:
    said = entered("off")
    assert "policy='OTHER'" in said
    assert "missing=()" in said


def test_what_is_given_is_read_back_and_what_is_missing_is_named() -> None:
    said = entered("preferred", str(min(os.sched_getaffinity(0))))
    if "missing=()" in said:
        assert "policy='FIFO 60'" in said
        assert "locked_kb=0" not in said
        assert f"cpus=({min(os.sched_getaffinity(0))},)" in said
    else:
        assert "CAP_SYS_NICE" in said or "CAP_IPC_LOCK" in said


def test_a_core_that_is_not_there_is_named() -> None:
    assert "core 999 cannot be used" in entered("preferred", "999")


def test_required_real_time_that_is_not_given_is_refused_with_the_remedy() -> None:
    said = entered("required", limit=FORBIDDEN)
    assert said.startswith('refused runtime.realtime = "required", but')
    assert "LimitRTPRIO=60" in said
    assert "LimitMEMLOCK=infinity" in said


def test_preferred_real_time_that_is_not_given_is_reported() -> None:
    said = entered("preferred", limit=FORBIDDEN)
    assert "policy='OTHER'" in said
    assert "LimitRTPRIO=60" in said
